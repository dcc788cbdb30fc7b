//! Rates, latencies and the comparison of two of them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What one run of a workload gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// Operations per second.
    pub(crate) rate: f64,
    /// Latencies in microseconds, sorted.
    latencies: Vec<u32>,
}

impl Run {
    /// From the number of operations, the time that they took, and their latencies.
    pub(crate) fn new(operations: u64, took: Duration, mut latencies: Vec<u32>) -> Self {
        latencies.sort_unstable();
        Self { rate: operations as f64 / took.as_secs_f64(), latencies }
    }

    /// A percentile of the latencies, in microseconds.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let place = (last as f64 * percent / 100.0).round() as usize;
        self.latencies.get(place).copied().map_or(f64::NAN, f64::from)
    }
}

/// The time now; benchmarks are about it.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Microseconds since an instant.
pub(crate) fn micros_since(start: Instant) -> u32 {
    u32::try_from(now().saturating_duration_since(start).as_micros()).unwrap_or(u32::MAX)
}

/// Starts a task of a load.
#[expect(clippy::disallowed_methods, reason = "a benchmark owns its tasks through the handle")]
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

/// The middle value.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A cheap source of targets: the same for both sides of a comparison.
pub(crate) struct Targets(u64);

impl Targets {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % below
    }
}

/// Keeps `in_flight` calls under way for a time; `call` gets a target below `targets`.
pub(crate) async fn closed_loop<F, C>(in_flight: usize, targets: usize, time: Duration, call: C) -> Run
where
    C: Fn(usize) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    let start = now();
    let end = start + time;
    let mut callers = Vec::new();
    for caller in 0..in_flight {
        let call = call.clone();
        callers.push(spawn(async move {
            let mut targets_of = Targets::new(caller as u64 + 1);
            let mut latencies = Vec::new();
            let mut began = now();
            while began < end {
                call(targets_of.next(targets)).await;
                let ended = now();
                latencies.push(u32::try_from((ended - began).as_micros()).unwrap_or(u32::MAX));
                began = ended;
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for caller in callers {
        latencies.extend(caller.await.unwrap_or_default());
    }
    let took = now() - start;
    Run::new(latencies.len() as u64, took, latencies)
}

/// Calls each of the targets once, `in_flight` at a time.
pub(crate) async fn each_once<F, C>(in_flight: usize, targets: Range<usize>, call: C) -> Run
where
    C: Fn(usize) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send,
{
    let start = now();
    let next = Arc::new(AtomicUsize::new(targets.start));
    let mut callers = Vec::new();
    for _ in 0..in_flight {
        let (call, next, end) = (call.clone(), Arc::clone(&next), targets.end);
        callers.push(spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let target = next.fetch_add(1, Ordering::Relaxed);
                if target >= end {
                    return latencies;
                }
                let began = now();
                call(target).await;
                latencies.push(micros_since(began));
            }
        }));
    }
    let mut latencies = Vec::new();
    for caller in callers {
        latencies.extend(caller.await.unwrap_or_default());
    }
    Run::new(latencies.len() as u64, now() - start, latencies)
}

/// A runtime as a node has it.
pub(crate) fn runtime(workers: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .global_queue_interval(1)
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("no runtime: {error}"))
}

/// Resident memory of this process in bytes.
pub(crate) fn resident() -> u64 {
    resident_of(std::process::id())
}

/// Resident memory of a process in bytes.
pub(crate) fn resident_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kib: u64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    kib * 1024
}

//! What a benchmark says, and whether it reaches its bar.

use serde::Serialize;

use crate::measure::median;

/// One line of the result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) ours: String,
    pub(crate) baseline: String,
    pub(crate) figure: String,
    pub(crate) bar: String,
    pub(crate) reached: bool,
}

impl Line {
    /// Our rate against a baseline's, round by round, at least `bar` times as much.
    pub(crate) fn rate(what: &str, ours: &[f64], baseline: &[f64], bar: f64) -> Self {
        let ratios = ours.iter().zip(baseline).map(|(ours, base)| ours / base).collect();
        let ratio = median(ratios);
        Self {
            what: what.to_owned(),
            ours: format!("{}/s", thousands(median(ours.to_vec()))),
            baseline: format!("{}/s", thousands(median(baseline.to_vec()))),
            figure: format!("{ratio:.2}x"),
            bar: format!(">= {bar}x"),
            reached: ratio >= bar,
        }
    }

    /// Our latency in microseconds against a baseline's, at most `bar` times as much.
    pub(crate) fn latency(what: &str, ours: &[f64], baseline: &[f64], bar: f64) -> Self {
        let ratio = median(ours.iter().zip(baseline).map(|(ours, base)| ours / base).collect());
        Self {
            what: what.to_owned(),
            ours: format!("{:.0} us", median(ours.to_vec())),
            baseline: format!("{:.0} us", median(baseline.to_vec())),
            figure: format!("{ratio:.2}x"),
            bar: format!("<= {bar}x"),
            reached: ratio <= bar,
        }
    }

    /// A figure with an absolute bar that it must not exceed.
    pub(crate) fn at_most(what: &str, ours: f64, unit: &str, bar: f64) -> Self {
        Self {
            what: what.to_owned(),
            ours: format!("{ours:.2} {unit}"),
            baseline: "-".to_owned(),
            figure: format!("{ours:.2} {unit}"),
            bar: format!("<= {bar} {unit}"),
            reached: ours <= bar,
        }
    }

    /// A figure with an absolute bar that it must reach.
    pub(crate) fn at_least(what: &str, ours: f64, unit: &str, bar: f64) -> Self {
        Self {
            what: what.to_owned(),
            ours: format!("{} {unit}", thousands(ours)),
            baseline: "-".to_owned(),
            figure: format!("{} {unit}", thousands(ours)),
            bar: format!(">= {} {unit}", thousands(bar)),
            reached: ours >= bar,
        }
    }
}

fn thousands(value: f64) -> String {
    if value >= 1e6 {
        format!("{:.2}M", value / 1e6)
    } else if value >= 1e4 {
        format!("{:.1}k", value / 1e3)
    } else {
        format!("{value:.0}")
    }
}

/// Prints the lines as a Markdown table.
pub(crate) fn print(lines: &[Line]) {
    println!("| what | ours | baseline | figure | bar | |");
    println!("|---|---|---|---|---|---|");
    for Line { what, ours, baseline, figure, bar, reached } in lines {
        let reached = if *reached { "reached" } else { "missed" };
        println!("| {what} | {ours} | {baseline} | {figure} | {bar} | {reached} |");
    }
}

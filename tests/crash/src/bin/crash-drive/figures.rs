//! [`Figures`]: what a run did.

use std::fmt;
use std::time::Duration;

use crate::book::Counts;
use crate::plan::KINDS;

/// What a run did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) cycles: u64,
    pub(crate) kills: u64,
    /// How the nodes ended, by kind.
    pub(crate) ends: [u64; KINDS.len()],
    pub(crate) same_address: u64,
    pub(crate) checks: u64,
    pub(crate) proofs: u64,
    pub(crate) publications: u64,
    pub(crate) deliveries: u64,
    pub(crate) effects: u64,
    pub(crate) letters: u64,
    pub(crate) parked: u64,
    pub(crate) guests: u64,
    pub(crate) revisions: u64,
    pub(crate) journal_again: u64,
    pub(crate) resumed: u64,
    pub(crate) starts: Vec<Duration>,
    pub(crate) stop_longest: Duration,
    pub(crate) proof_longest: Duration,
    pub(crate) gauge_lost_most: Duration,
    pub(crate) counts: Counts,
    pub(crate) took: Duration,
}

impl Figures {
    /// How long a start takes: the median.
    pub(crate) fn start_typical(&self) -> Duration {
        let mut starts = self.starts.clone();
        starts.sort_unstable();
        starts.get(starts.len() / 2).copied().unwrap_or(Duration::from_millis(200))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { acknowledged, unknown, unknown_done, refused, resent, followed } = self.counts;
        let ends: Vec<_> = KINDS.iter().zip(self.ends).map(|(kind, count)| format!("{count} {kind}")).collect();
        let slowest = self.starts.iter().max().copied().unwrap_or_default();
        writeln!(f, "  cycles          {} in {:.0} s", self.cycles, self.took.as_secs_f64())?;
        writeln!(
            f,
            "  kills           {} ({}; {} on the same address)",
            self.kills,
            ends.join(", "),
            self.same_address
        )?;
        writeln!(f, "  acknowledged    {acknowledged} requests")?;
        writeln!(
            f,
            "  without answer  {unknown} requests, of which {unknown_done} had been committed; {refused} refused"
        )?;
        writeln!(f, "  sent again      {resent} deposits under their keys")?;
        writeln!(
            f,
            "  publications    {}; {followed} followed over {} reconnections",
            self.publications, self.resumed
        )?;
        writeln!(f, "  deliveries      {} ({} twice to the journal)", self.deliveries, self.journal_again)?;
        writeln!(f, "  effects         {}", self.effects)?;
        writeln!(f, "  set aside       {} dead letters; parked {} times", self.letters, self.parked)?;
        writeln!(f, "  instances       {} that came or were deleted looked up", self.guests)?;
        writeln!(
            f,
            "  checks          {} after a start, {} at rest, {} revisions read",
            self.checks, self.proofs, self.revisions
        )?;
        writeln!(
            f,
            "  start           {:?} typical, {slowest:?} at most; longest stop {:?}, longest proof {:?}",
            self.start_typical(),
            self.stop_longest,
            self.proof_longest
        )?;
        write!(f, "  snapshot actor  lost at most the last {:?} before a kill", self.gauge_lost_most)
    }
}

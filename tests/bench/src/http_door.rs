//! x
use crate::Plan;
use crate::report::Line;
pub(crate) fn run(_plan: Plan) -> anyhow::Result<Vec<Line>> {
    Ok(vec![])
}

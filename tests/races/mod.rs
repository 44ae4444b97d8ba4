//! What many do at once. Where a race is won by a condition in the table, it has a naive twin, which reads, checks and then writes:
//! it must lose, or the race proves nothing.

mod accepting;
mod admins;
mod api_keys;
mod connecting;
mod crew;
mod ending;
mod limits;
mod links;
mod rehearsing;
mod removal;
mod resending;
mod seats;
pub mod table;

/// Set, a run has time: races are run as often as they are said to hold (`.ci/long-run`).
const LONG_RUN: &str = "CALLARO_LONG_RUN";

/// How often a race is run that a long run runs `full` times: otherwise a quarter of that.
fn trials(full: usize) -> usize {
    match common::config::process_environment(LONG_RUN) {
        Some(_) => full,
        None => full / 4,
    }
}

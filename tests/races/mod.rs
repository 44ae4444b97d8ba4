//! What many do at once. Where a race is won by a condition in the table, it has a naive twin, which reads, checks and then writes:
//! it must lose, or the race proves nothing.

mod accepting;
mod admins;
mod connecting;
mod crew;
mod ending;
mod limits;
mod links;
mod rehearsing;
mod removal;
mod resending;
mod seats;
mod table;

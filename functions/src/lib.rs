//! The manifest: every function there is, by area. What can be derived from it is derived.

use common::function::Function;

/// A folder of `functions/`, and what it deploys.
pub struct Area {
    pub name: &'static str,
    pub functions: &'static [&'static Function],
}

pub static AREAS: [Area; 6] = [
    Area { name: "profile", functions: profile::FUNCTIONS },
    Area { name: "invite", functions: invite::FUNCTIONS },
    Area { name: "checklist", functions: checklist::FUNCTIONS },
    Area { name: "billing", functions: billing::FUNCTIONS },
    Area { name: "connect", functions: connect::FUNCTIONS },
    Area { name: "api", functions: api::FUNCTIONS },
];

/// Every function of every area.
pub fn all() -> impl Iterator<Item = &'static Function> {
    AREAS.iter().flat_map(|area| area.functions.iter().copied())
}

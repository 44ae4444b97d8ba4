//! Checklist: Getting started, which completes itself and shows evidence.

use common::function::Function;

pub mod facts;
pub mod get_checklist;
pub mod recompute_checklist;
pub mod reconcile_checklists;

mod checklist_view;
mod reopening;

pub static FUNCTIONS: &[&Function] =
    &[&get_checklist::FUNCTION, &recompute_checklist::FUNCTION, &reconcile_checklists::FUNCTION];

//! Checklist: Getting started, which completes itself and shows evidence.

use common::function::Function;

pub mod checklist_page;
pub mod dismiss_checklist;
pub mod facts;
pub mod get_checklist;
pub mod recompute_checklist;
pub mod reconcile_checklists;
pub mod restore_checklist;
pub mod skip_checklist_step;
pub mod unskip_checklist_step;

mod checklist_view;
mod choosing;
mod differences;
mod reopening;

pub static FUNCTIONS: &[&Function] = &[
    &get_checklist::FUNCTION,
    &checklist_page::FUNCTION,
    &dismiss_checklist::FUNCTION,
    &restore_checklist::FUNCTION,
    &skip_checklist_step::FUNCTION,
    &unskip_checklist_step::FUNCTION,
    &recompute_checklist::FUNCTION,
    &reconcile_checklists::FUNCTION,
];

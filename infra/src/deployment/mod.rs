//! What is deployed, as CloudFormation templates: a root stack from the hand-written `base.yaml`, and under it a stack an area with
//! that area's functions. Nested because a stack takes 500 resources at most, and a route is up to nine
//! (docs/decisions/0009-deployment.md).

mod alarm;
mod area;
mod dashboard;
mod event;
mod intrinsic;
mod lambda;
pub mod policy;
mod root;
mod route;
mod stream;
#[cfg(test)]
mod tests;
mod watched;
mod yaml;

use crate::generated::File;
use functions::Area;
use serde_json::{Map, Value};

/// By logical id.
pub(crate) type Resources = Map<String, Value>;

/// The most resources of a stack
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
pub const MOST_RESOURCES: usize = 500;

/// The templates that deploy `areas`.
pub(crate) fn files(areas: &[Area]) -> Vec<File> {
    let root = File { path: "infra/template.yaml".into(), content: root::render(areas) };
    let nested = areas.iter().map(|area| File { path: path(area).into(), content: area::render(area) });
    std::iter::once(root).chain(nested).collect()
}

/// Every stack that would not fit into its limit, each as one sentence.
pub(crate) fn findings(areas: &[Area]) -> Vec<String> {
    let too_large = areas.iter().map(|area| (area.name, area::resource_count(area)));
    let too_large = too_large.filter(|(_, count)| *count > MOST_RESOURCES);
    let say = |(name, count)| {
        format!(
            "{name}: its stack would have {count} resources, and CloudFormation takes {MOST_RESOURCES}; split the area, as docs/deploy.md says for a stack that is live."
        )
    };
    too_large.map(say).collect()
}

/// Where the template of an area is, from the workspace's root.
fn path(area: &Area) -> String {
    format!("infra/areas/{}.yaml", area.name)
}

/// A name as CloudFormation wants its logical ids: `accept-invite` is `AcceptInvite`.
fn logical_id(name: &str) -> String {
    let capitalised = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split(['-', '_']).map(capitalised).collect()
}

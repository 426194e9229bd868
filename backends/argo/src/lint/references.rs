//! `{{…}}`: what is written between the braces, and what it may mean.

use super::Parameter;

/// What there is of every workflow.
const WORKFLOW: &[&str] = &[
    "workflow.name",
    "workflow.namespace",
    "workflow.uid",
    "workflow.serviceAccountName",
    "workflow.mainEntrypoint",
    "workflow.parameters",
    "workflow.status",
    "workflow.failures",
    "workflow.duration",
    "workflow.creationTimestamp",
    "workflow.creationTimestamp.RFC3339",
    "workflow.scheduledTime",
];

/// The references in a text, without their braces. An open one is a reference that means nothing.
pub fn of(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        match after.split_once("}}") {
            Some((reference, next)) => {
                found.push(reference.trim());
                rest = next;
            }
            None => {
                found.push("");
                return found;
            }
        }
    }
    found
}

/// Whether a reference means something everywhere in a workflow with these parameters.
pub fn is_global(reference: &str, given: &[Parameter<'_>]) -> bool {
    WORKFLOW.contains(&reference)
        || reference
            .strip_prefix("workflow.parameters.")
            .is_some_and(|name| given.iter().any(|parameter| parameter.name == name))
}

/// Whether it is an input of the template.
pub fn is_input(reference: &str, inputs: &[Parameter<'_>]) -> bool {
    reference.strip_prefix("inputs.parameters.").is_some_and(|name| inputs.iter().any(|input| input.name == name))
}

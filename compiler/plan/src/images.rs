//! Names of images, and where an image has its binary.

use crate::deployment::{Deployment, Unit};
use crate::names;

/// The folder of an image's binary, which is called as the unit's.
pub const BINARIES: &str = "/usr/local/bin";

/// The name under which a node finds the image of a unit: `docker.io/SOLUTION/UNIT:VERSION`, or below the target's
/// registry; valid whatever the solution calls them.
#[must_use]
pub fn reference(deployment: &Deployment<'_>, unit: &Unit) -> String {
    let registry = deployment.target.and_then(|target| target.registry.as_deref()).unwrap_or("docker.io");
    format!("{registry}/{}/{}:{}", names::solution(deployment), names::of_unit(unit), tag(&deployment.ir.version))
}

/// The tag of images: the version, with `_` for what a tag cannot hold; `latest` without a version.
#[must_use]
pub fn tag(version: &str) -> String {
    let mut tag: String =
        version.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    tag.truncate(127);
    match tag.chars().next() {
        None => "latest".to_owned(),
        Some('.' | '-') => format!("v{tag}"),
        Some(_) => tag,
    }
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn any_version_has_a_tag() {
        let tags = ["1.0.0", "1.0.0+b/7", "", "-1"].map(tag);
        assert_eq!(tags, ["1.0.0", "1.0.0_b_7", "latest", "v-1"]);
        assert_eq!(tag(&"1".repeat(500)).len(), 127);
    }
}

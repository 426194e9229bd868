//! Names of images, and where an image has its binary.

use crate::deployment::{Deployment, Unit};
use crate::names;

/// The folder of an image's binary, which is called as the unit's.
pub const BINARIES: &str = "/usr/local/bin";

/// The longest tag.
const MOST: usize = 128;

/// The name under which a node finds the image of a unit: `docker.io/SOLUTION/UNIT:VERSION`, or below the target's
/// registry; valid whatever the solution calls them.
#[must_use]
pub fn reference(deployment: &Deployment<'_>, unit: &Unit) -> String {
    let registry = deployment.target.and_then(|target| target.registry.as_deref()).unwrap_or("docker.io");
    format!("{registry}/{}/{}:{}", names::solution(deployment), names::of_unit(unit), tag(&deployment.ir.version))
}

/// The tag of images: the version; `latest` without a version. One that is no tag has `_` for what a tag cannot hold, and
/// ends in a hash of it, so that two versions have two tags.
#[must_use]
pub fn tag(version: &str) -> String {
    let is_held = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if version.is_empty() {
        return "latest".to_owned();
    }
    if version.len() <= MOST && version.chars().all(is_held) && version.starts_with(is_first) {
        return version.to_owned();
    }
    let mut tag: String = version.chars().map(|c| if is_held(c) { c } else { '_' }).collect();
    if !tag.starts_with(is_first) {
        tag.insert(0, 'v');
    }
    let hash = format!("{:08x}", names::folded(names::hash(version.as_bytes())));
    tag.truncate(MOST - hash.len() - 1);
    format!("{tag}-{hash}")
}

#[cfg(test)]
mod tests {
    use super::tag;

    #[test]
    fn any_version_has_a_tag_and_each_its_own() {
        assert_eq!(["1.0.0", "1.0.0_b", "_1", ""].map(tag), ["1.0.0", "1.0.0_b", "_1", "latest"]);
        let strange = ["1.0.0+b", "1.0.0/b", "-1", "v-1", ".1", &"1".repeat(500), &"1".repeat(501), "版"];
        let mut tags: Vec<String> = strange.into_iter().chain(["1.0.0_b"]).map(tag).collect();
        for tag in &tags {
            assert!(tag.len() <= 128 && tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'), "{tag}");
        }
        assert!(tags[0].starts_with("1.0.0_b-") && tags[2].starts_with("v-1-"), "{tags:?}");
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 9, "{tags:?}");
    }
}

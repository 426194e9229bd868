//! Container images without a container engine: layers, configurations and manifests as the OCI image specification 1.1
//! lays them out, and archives that a node imports.
//!
//! Everything here is a pure function of bytes: the same files give the same digests. Who reads binaries and libraries from
//! disk is the caller ([`elf`] says which libraries a binary needs).

pub mod contents;
pub mod elf;
pub mod image;
pub mod layer;
pub mod recipe;

pub use contents::{Common, image};
pub use image::{Image, archive, layout};
pub use layer::{Entry, Layer};

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The digest of some bytes as images name it: `sha256:` and 64 hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

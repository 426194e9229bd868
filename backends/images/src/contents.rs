//! What lies in the images of a solution: one layer with what all its binaries need of a system, one with a binary each.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::elf::Closure;
use crate::image::Image;
use crate::layer::{Entry, Layer};

/// Who runs in an image: a number, so that a node sees that it is not root.
pub const USER: &str = "65532:65532";

/// Where the files of the solution lie; paths in a solution are relative to it.
pub const SOLUTION: &str = "/solution";

/// What all images of a solution have in common.
#[derive(Debug, Clone, Default)]
pub struct Common {
    /// Loader and libraries of all binaries.
    pub needs: Closure,
    /// Certificates of those whom a binary trusts, as one PEM file.
    pub certificates: Vec<u8>,
    /// Files of the time zone database by name of zone, such as `Asia/Shanghai`.
    pub zones: BTreeMap<String, Vec<u8>>,
    /// Files of the solution by path relative to it: tables are constants of a release.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Common {
    /// The lowest layer: users, certificates, zones, libraries.
    ///
    /// # Errors
    /// A path that an archive cannot hold.
    pub fn system(&self) -> io::Result<Layer> {
        let mut entries = BTreeMap::new();
        let mut add = |path: &str, bytes: &[u8], mode: u32| {
            entries.insert(path.trim_start_matches('/').to_owned(), Entry::File { bytes: bytes.to_vec(), mode });
        };
        add("etc/passwd", b"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n", 0o644);
        add("etc/group", b"root:x:0:\nnonroot:x:65532:\n", 0o644);
        add("etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n", 0o644);
        add("etc/ssl/certs/ca-certificates.crt", &self.certificates, 0o644);
        for (zone, bytes) in &self.zones {
            add(&format!("usr/share/zoneinfo/{zone}"), bytes, 0o644);
        }
        for (path, bytes) in &self.needs.loaders {
            add(path, bytes, 0o755);
        }
        for library in self.needs.libraries.values() {
            add(&library.path, &library.bytes, 0o644);
        }
        entries.insert("tmp".to_owned(), Entry::Folder { mode: 0o1777 });
        Layer::new(&entries)
    }

    /// The layer of the solution's own files; none where it has none.
    ///
    /// # Errors
    /// A path that leaves the solution's folder.
    pub fn solution(&self) -> io::Result<Layer> {
        let folder = SOLUTION.trim_start_matches('/');
        let mut entries = BTreeMap::from([(folder.to_owned(), Entry::Folder { mode: 0o755 })]);
        for (path, bytes) in &self.files {
            entries.insert(format!("{folder}/{path}"), Entry::File { bytes: bytes.clone(), mode: 0o644 });
        }
        Layer::new(&entries)
    }
}

/// One binary as an image over the common layers.
///
/// # Errors
/// A name that is no path.
pub fn image(
    reference: String,
    binary: (&str, &[u8]),
    common: &[Arc<Layer>],
    architecture: &str,
    labels: BTreeMap<String, String>,
) -> io::Result<Image> {
    let (name, bytes) = binary;
    let path = format!("usr/local/bin/{name}");
    let own = BTreeMap::from([(path.clone(), Entry::File { bytes: bytes.to_vec(), mode: 0o755 })]);
    let mut layers = common.to_vec();
    layers.push(Arc::new(Layer::new(&own)?));
    Ok(Image {
        reference,
        architecture: architecture.to_owned(),
        layers,
        entrypoint: vec![format!("/{path}")],
        user: USER.to_owned(),
        folder: SOLUTION.to_owned(),
        labels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Located;

    #[test]
    fn libraries_lie_where_the_loader_looks_for_them() {
        let mut common = Common::default();
        let library = Located { path: "/usr/lib/libc.so.6".to_owned(), bytes: b"c".to_vec() };
        common.needs.libraries.insert("libc.so.6".to_owned(), library);
        common.needs.loaders.insert("/lib64/ld.so".to_owned(), b"ld".to_vec());
        common.zones.insert("Asia/Shanghai".to_owned(), b"TZif".to_vec());
        let layer = common.system().unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer.bytes.as_slice()));
        let paths: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .filter(|path| !path.ends_with('/'))
            .collect();
        let expected = [
            "etc/group",
            "etc/nsswitch.conf",
            "etc/passwd",
            "etc/ssl/certs/ca-certificates.crt",
            "lib64/ld.so",
            "usr/lib/libc.so.6",
            "usr/share/zoneinfo/Asia/Shanghai",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_binary_is_started_by_number_and_not_as_root() {
        let image = image("shop/api:1".to_owned(), ("api", b"elf"), &[], "amd64", BTreeMap::new()).unwrap();
        assert_eq!((image.entrypoint[0].as_str(), image.user.as_str()), ("/usr/local/bin/api", "65532:65532"));
        assert_eq!(image.layers.len(), 1);
    }
}

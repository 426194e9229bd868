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

    /// Permission bits and content of each entry of a layer that is no folder above another.
    fn held(layer: &Layer) -> BTreeMap<String, (u32, String)> {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer.bytes.as_slice()));
        let held = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let (path, mode) = (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap());
            let mut text = String::new();
            io::Read::read_to_string(&mut entry, &mut text).unwrap();
            (path, (mode, text))
        });
        held.collect()
    }

    #[test]
    fn who_is_no_root_can_read_and_start_what_is_there() {
        let mut common = Common { certificates: b"PEM".to_vec(), ..Common::default() };
        common.needs.loaders.insert("/lib64/ld.so".to_owned(), b"ld".to_vec());
        common.zones.insert("Asia/Shanghai".to_owned(), b"TZif".to_vec());
        common.files.insert("data/items.csv".to_owned(), b"id\n1\n".to_vec());
        let system = held(&common.system().unwrap());
        let entry = |mode, text: &str| Some((mode, text.to_owned()));
        assert_eq!(system.get("etc/ssl/certs/ca-certificates.crt").cloned(), entry(0o644, "PEM"));
        assert_eq!(system.get("usr/share/zoneinfo/Asia/Shanghai").cloned(), entry(0o644, "TZif"));
        assert_eq!(system.get("lib64/ld.so").cloned(), entry(0o755, "ld"));
        assert_eq!(
            system.get("tmp/").cloned(),
            entry(0o1777, ""),
            "everybody may write there, and remove only their own"
        );
        let (_, users) = system.get("etc/passwd").unwrap();
        assert!(users.lines().any(|line| line.starts_with("nonroot:x:65532:65532:")), "{users}");
        let solution = held(&common.solution().unwrap());
        assert_eq!(solution.get("solution/data/items.csv").cloned(), entry(0o644, "id\n1\n"));
        assert_eq!(solution.get("solution/").cloned(), entry(0o755, ""));
        let image = image("shop/api:1".to_owned(), ("api", b"elf"), &[], "amd64", BTreeMap::new()).unwrap();
        let own = image.layers.last().map(|layer| held(layer)).unwrap();
        assert_eq!(own.get("usr/local/bin/api").cloned(), entry(0o755, "elf"));
    }

    #[test]
    fn a_binary_is_started_by_number_and_not_as_root() {
        let image = image("shop/api:1".to_owned(), ("api", b"elf"), &[], "amd64", BTreeMap::new()).unwrap();
        assert_eq!((image.entrypoint[0].as_str(), image.user.as_str()), ("/usr/local/bin/api", "65532:65532"));
        assert_eq!(image.layers.len(), 1);
    }
}

//! Layers: files of an image as a compressed archive that depends on nothing but them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use crate::digest;

/// What lies at a path of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file with its permission bits.
    File {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Permission bits, such as `0o755`.
        mode: u32,
    },
    /// A symbolic link to this path.
    Link(String),
    /// A folder with its permission bits; folders above files need not be named.
    Folder {
        /// Permission bits.
        mode: u32,
    },
}

/// A layer as it lies in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The compressed archive.
    pub bytes: Vec<u8>,
    /// The digest of `bytes`.
    pub digest: String,
    /// The digest of the archive before it was compressed.
    pub diff_id: String,
}

impl Layer {
    /// A layer of entries by absolute path without the leading `/`. Owner is root, times are 1970, order is that of the
    /// paths: the same entries give the same bytes.
    ///
    /// # Errors
    /// A path that an archive cannot hold, such as one with `..`.
    pub fn new(entries: &BTreeMap<String, Entry>) -> io::Result<Self> {
        let mut builder = Builder::new(Vec::new());
        let mut folders = BTreeSet::new();
        for (path, entry) in entries {
            for (end, _) in path.match_indices('/') {
                let folder = path.get(..end).unwrap_or_default();
                if folders.insert(folder.to_owned()) && !entries.contains_key(folder) {
                    append(&mut builder, folder, &Entry::Folder { mode: 0o755 })?;
                }
            }
            append(&mut builder, path, entry)?;
        }
        let archive = builder.into_inner()?;
        let diff_id = digest(&archive);
        // Without a name and a time in its header the compressed form depends on the archive alone.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&archive)?;
        let bytes = encoder.finish()?;
        Ok(Self { digest: digest(&bytes), bytes, diff_id })
    }
}

/// Adds one entry to an archive.
pub(crate) fn append(builder: &mut Builder<Vec<u8>>, path: &str, entry: &Entry) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    match entry {
        Entry::File { bytes, mode } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(*mode);
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, path, bytes.as_slice())
        }
        Entry::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            builder.append_link(&mut header, path, target)
        }
        Entry::Folder { mode } => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(*mode);
            header.set_size(0);
            builder.append_data(&mut header, format!("{path}/"), io::empty())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> BTreeMap<String, Entry> {
        BTreeMap::from([
            ("usr/bin/tool".to_owned(), Entry::File { bytes: b"tool".to_vec(), mode: 0o755 }),
            ("usr/lib".to_owned(), Entry::Folder { mode: 0o700 }),
            ("usr/lib/a.so".to_owned(), Entry::Link("b.so".to_owned())),
            ("etc/passwd".to_owned(), Entry::File { bytes: b"root".to_vec(), mode: 0o644 }),
        ])
    }

    #[test]
    fn the_same_entries_give_the_same_bytes() {
        assert_eq!(Layer::new(&entries()).unwrap(), Layer::new(&entries()).unwrap());
        let mut other = entries();
        other.insert("etc/passwd".to_owned(), Entry::File { bytes: b"toor".to_vec(), mode: 0o644 });
        assert_ne!(Layer::new(&entries()).unwrap().digest, Layer::new(&other).unwrap().digest);
    }

    #[test]
    fn an_archive_holds_folders_before_what_is_in_them() {
        let layer = Layer::new(&entries()).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer.bytes.as_slice()));
        let found: Vec<(String, u32, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0), "root owns it");
                (entry.path().unwrap().display().to_string(), header.mode().unwrap(), header.mtime().unwrap())
            })
            .collect();
        let expected = [
            ("etc/", 0o755),
            ("etc/passwd", 0o644),
            ("usr/", 0o755),
            ("usr/bin/", 0o755),
            ("usr/bin/tool", 0o755),
            ("usr/lib/", 0o700),
            ("usr/lib/a.so", 0o777),
        ];
        assert_eq!(found, expected.map(|(path, mode)| (path.to_owned(), mode, 0)));
    }

    #[test]
    fn a_path_that_leaves_the_image_is_refused() {
        let entries = BTreeMap::from([("../etc/passwd".to_owned(), Entry::File { bytes: Vec::new(), mode: 0o644 })]);
        assert!(Layer::new(&entries).is_err());
    }
}

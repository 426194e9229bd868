//! Images: layers with a configuration, and the two forms in which they are handed on.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use tar::Builder;

use crate::digest;
use crate::layer::{Entry, Layer, append};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Nothing in an image says when it was made: the same input gives the same digest.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// An image before it is laid out.
#[derive(Debug, Clone)]
pub struct Image {
    /// Under which name a node finds it: registry, repository and tag, such as `docker.io/fraud/scoring-score:1.0.0`.
    pub reference: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// Layers from the lowest on; images may share them.
    pub layers: Vec<Arc<Layer>>,
    /// What is started.
    pub entrypoint: Vec<String>,
    /// Who runs it: `USER:GROUP` by number, so that a node can see that it is not root.
    pub user: String,
    /// The folder in which it is started.
    pub folder: String,
    /// Labels, as `org.opencontainers.image.*` names them.
    pub labels: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
    annotations: BTreeMap<String, String>,
}

/// An image's documents.
struct Documents {
    config: Vec<u8>,
    manifest: Vec<u8>,
}

impl Image {
    fn documents(&self) -> Documents {
        let config = json!({
            "created": CREATED,
            "architecture": self.architecture,
            "os": "linux",
            "config": {
                "User": self.user,
                "Entrypoint": self.entrypoint,
                "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
                "WorkingDir": self.folder,
                "Labels": self.labels,
            },
            "rootfs": {
                "type": "layers",
                "diff_ids": self.layers.iter().map(|layer| layer.diff_id.as_str()).collect::<Vec<_>>(),
            },
            "history": self.layers.iter().map(|_| json!({ "created": CREATED })).collect::<Vec<_>>(),
        });
        let config = text(&config);
        let layers = self.layers.iter().map(|layer| Descriptor {
            media_type: LAYER,
            digest: layer.digest.clone(),
            size: layer.bytes.len(),
        });
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: Descriptor { media_type: CONFIG, digest: digest(&config), size: config.len() },
            layers: layers.collect(),
            annotations: self.labels.clone(),
        };
        Documents { manifest: text(&manifest), config }
    }

    /// The digest of its manifest: what `REFERENCE@DIGEST` names.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.documents().manifest)
    }

    /// The tag within [`Self::reference`]; `latest` where there is none.
    fn tag(&self) -> &str {
        let name = self.reference.rsplit('/').next().unwrap_or_default();
        name.split_once(':').map_or("latest", |(_, tag)| tag)
    }
}

/// Images as one OCI image layout: files by path, each blob once.
#[must_use]
pub fn layout(images: &[Image]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut manifests = Vec::with_capacity(images.len());
    for image in images {
        let documents = image.documents();
        manifests.push(json!({
            "mediaType": MANIFEST,
            "digest": digest(&documents.manifest),
            "size": documents.manifest.len(),
            "platform": { "architecture": image.architecture, "os": "linux" },
            // Without the first of them containerd keeps the image under its digest alone.
            "annotations": {
                "io.containerd.image.name": image.reference,
                "org.opencontainers.image.ref.name": image.tag(),
            },
        }));
        for bytes in [documents.config, documents.manifest] {
            files.insert(blob(&digest(&bytes)), bytes);
        }
        for layer in &image.layers {
            files.entry(blob(&layer.digest)).or_insert_with(|| layer.bytes.clone());
        }
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    files.insert("index.json".to_owned(), text(&index));
    files.insert("oci-layout".to_owned(), text(&json!({ "imageLayoutVersion": "1.0.0" })));
    files
}

/// One image as an archive that a node imports: an OCI image layout that also has the list by which older Docker engines
/// find its parts.
///
/// # Errors
/// Never for images of this crate: writing to memory.
pub fn archive(image: &Image) -> io::Result<Vec<u8>> {
    let mut files = layout(std::slice::from_ref(image));
    let list = json!([{
        "Config": blob(&digest(&image.documents().config)),
        "RepoTags": [image.reference],
        "Layers": image.layers.iter().map(|layer| blob(&layer.digest)).collect::<Vec<_>>(),
    }]);
    files.insert("manifest.json".to_owned(), text(&list));
    let mut builder = Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for (path, bytes) in files {
        for (end, _) in path.match_indices('/') {
            let folder = path.get(..end).unwrap_or_default().to_owned();
            if folders.insert(folder.clone()) {
                append(&mut builder, &folder, &Entry::Folder { mode: 0o755 })?;
            }
        }
        append(&mut builder, &path, &Entry::File { bytes, mode: 0o644 })?;
    }
    builder.into_inner()
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn text(value: &impl Serialize) -> Vec<u8> {
    // Maps with text keys and no floats: serialising cannot fail.
    serde_json::to_vec(value).unwrap_or_else(|_| Value::Null.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str) -> Image {
        let base = BTreeMap::from([("etc/passwd".to_owned(), Entry::File { bytes: b"x".to_vec(), mode: 0o644 })]);
        let own =
            BTreeMap::from([(format!("usr/local/bin/{name}"), Entry::File { bytes: b"x".to_vec(), mode: 0o755 })]);
        Image {
            reference: format!("docker.io/shop/{name}:1.0.0"),
            architecture: "amd64".to_owned(),
            layers: vec![Arc::new(Layer::new(&base).unwrap()), Arc::new(Layer::new(&own).unwrap())],
            entrypoint: vec![format!("/usr/local/bin/{name}")],
            user: "65532:65532".to_owned(),
            folder: "/".to_owned(),
            labels: BTreeMap::from([("org.opencontainers.image.title".to_owned(), name.to_owned())]),
        }
    }

    fn parsed(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Value {
        serde_json::from_slice(&files[path]).unwrap()
    }

    #[test]
    fn every_document_names_what_is_there_by_its_digest_and_size() {
        let files = layout(&[image("a"), image("b")]);
        let index = parsed(&files, "index.json");
        let listed = index["manifests"].as_array().unwrap();
        assert_eq!(listed.len(), 2);
        let held = |descriptor: &Value| {
            let name = descriptor["digest"].as_str().unwrap();
            let bytes = &files[&blob(name)];
            assert_eq!(digest(bytes), name);
            assert_eq!(descriptor["size"].as_u64().unwrap(), bytes.len() as u64);
            bytes.clone()
        };
        for manifest in listed {
            let manifest: Value = serde_json::from_slice(&held(manifest)).unwrap();
            let config: Value = serde_json::from_slice(&held(&manifest["config"])).unwrap();
            assert_eq!(config["config"]["User"], "65532:65532");
            let layers = manifest["layers"].as_array().unwrap();
            for (layer, id) in layers.iter().zip(config["rootfs"]["diff_ids"].as_array().unwrap()) {
                let mut plain = Vec::new();
                std::io::copy(&mut flate2::read::GzDecoder::new(held(layer).as_slice()), &mut plain).unwrap();
                assert_eq!(&digest(&plain), id.as_str().unwrap());
            }
        }
        // Two manifests, two configurations, two own layers, one shared one.
        assert_eq!(files.keys().filter(|path| path.starts_with("blobs/")).count(), 7);
    }

    #[test]
    fn the_configuration_says_who_starts_what_where() {
        let layers = image("a").layers;
        let shop = Image { folder: "/solution".to_owned(), ..image("a") };
        let config: Value = serde_json::from_slice(&shop.documents().config).unwrap();
        let wanted = json!({
            "created": "1970-01-01T00:00:00Z",
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "User": "65532:65532",
                "Entrypoint": ["/usr/local/bin/a"],
                "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
                "WorkingDir": "/solution",
                "Labels": { "org.opencontainers.image.title": "a" },
            },
            "rootfs": { "type": "layers", "diff_ids": [layers[0].diff_id, layers[1].diff_id] },
            "history": [{ "created": "1970-01-01T00:00:00Z" }, { "created": "1970-01-01T00:00:00Z" }],
        });
        assert_eq!(config, wanted);
        let files = layout(&[image("a")]);
        assert_eq!(parsed(&files, "oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }));
        let listed = &parsed(&files, "index.json")["manifests"][0];
        assert_eq!(listed["platform"], json!({ "architecture": "amd64", "os": "linux" }));
        assert_eq!(listed["annotations"]["org.opencontainers.image.ref.name"], "1.0.0");
        let manifest: Value = serde_json::from_slice(&image("a").documents().manifest).unwrap();
        assert_eq!(manifest["annotations"], json!({ "org.opencontainers.image.title": "a" }));
        for (reference, tag) in [("host:5000/shop/a", "latest"), ("host:5000/shop/a:2", "2"), ("a", "latest")] {
            assert_eq!(Image { reference: reference.to_owned(), ..image("a") }.tag(), tag, "{reference}");
        }
    }

    #[test]
    fn an_archive_is_reproducible_and_names_its_image_for_both_kinds_of_readers() {
        let bytes = archive(&image("a")).unwrap();
        assert_eq!(bytes, archive(&image("a")).unwrap());
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            std::io::copy(&mut entry, &mut content).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), content);
        }
        let index = parsed(&files, "index.json");
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "docker.io/shop/a:1.0.0");
        let list = parsed(&files, "manifest.json");
        assert_eq!(list[0]["RepoTags"][0], "docker.io/shop/a:1.0.0");
        for part in list[0]["Layers"].as_array().unwrap().iter().chain([&list[0]["Config"]]) {
            assert!(files.contains_key(part.as_str().unwrap()), "{part}");
        }
    }
}

use flow_core::trees::{Feature, FeatureKind, Node, Objective};
use flow_core::types::{DataType, Field, Kind};

use super::*;

fn publication(name: &str, base: f64) -> Publication {
    let x = Feature { name: "x".into(), kind: FeatureKind::Numeric, gain: 0.1 + 0.2 };
    let tree = vec![
        Node::Split { feature: 0, threshold: 0.1, missing_left: true, left: 1 },
        Node::Leaf { value: 1.0 / 3.0 },
        Node::Leaf { value: -5e-324 },
    ];
    let ty = DataType::required(Kind::Decimal { precision: 12, scale: 2 });
    Publication {
        name: name.into(),
        metrics: [("auc".to_owned(), 0.93)].into(),
        inputs: Schema { fields: vec![Field { name: "x".into(), ty }] },
        ensemble: Ensemble::new(Objective::Logistic, base, vec![x], &[tree]).unwrap(),
    }
}

fn registry() -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::new(folder.path().join("models"));
    (folder, registry)
}

fn found(registry: &Registry) -> Option<(u64, f64)> {
    let latest = registry.latest("scorer").unwrap();
    latest.found.map(|found| (found.version, found.publication.ensemble.sum(&[Some(1.0)])))
}

#[test]
fn versions_count_up_and_come_back_bit_for_bit() {
    let (_folder, registry) = registry();
    assert_eq!(found(&registry), None);
    let first = publication("scorer", 0.1);
    assert_eq!(registry.publish(&first).unwrap(), 1);
    assert_eq!(registry.publish(&publication("scorer", 0.7)).unwrap(), 2);
    assert_eq!(registry.publish(&publication("other", 0.7)).unwrap(), 1);
    assert_eq!(found(&registry), Some((2, 0.7)));
    let back = registry.version("scorer", 1).unwrap();
    assert_eq!(back.publication, first);
    assert_eq!(back.publication.ensemble.content_hash(), first.ensemble.content_hash());
    assert!(registry.version("scorer", 3).unwrap_err().to_string().contains("000003.json"));
}

#[test]
fn the_same_content_again_is_the_same_version() {
    let (_folder, registry) = registry();
    for (base, version) in [(1.0, 1), (1.0, 1), (2.0, 2), (2.0, 2), (1.0, 3)] {
        assert_eq!(registry.publish(&publication("scorer", base)).unwrap(), version, "base {base}");
    }
    let mut other_type = publication("scorer", 1.0);
    other_type.inputs.fields[0].ty = DataType::required(Kind::Float);
    assert_eq!(registry.publish(&other_type).unwrap(), 4, "the inputs are part of a version");
}

#[test]
fn a_version_is_one_file_and_no_temporary_ones_stay() {
    let (folder, registry) = registry();
    registry.publish(&publication("scorer", 1.0)).unwrap();
    registry.publish(&publication("scorer", 1.0)).unwrap();
    let names: Vec<_> =
        fs::read_dir(folder.path().join("models/scorer")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["000001.json"]);
}

#[test]
fn every_torn_file_is_passed_over_and_named() {
    let (folder, registry) = registry();
    registry.publish(&publication("scorer", 1.0)).unwrap();
    let whole = text_of(&publication("scorer", 2.0)).unwrap();
    let path = folder.path().join("models/scorer/000002.json");
    for length in 0..whole.len() - 1 {
        fs::write(&path, &whole[..length]).unwrap();
        let latest = registry.latest("scorer").unwrap();
        assert_eq!(latest.found.unwrap().version, 1, "cut at {length}");
        let message = latest.ignored[0].to_string();
        assert!(message.contains("000002.json is not a whole model version"), "{message}");
    }
    fs::write(&path, whole.replace("0.93", "0.94")).unwrap();
    let message = registry.latest("scorer").unwrap().ignored[0].to_string();
    assert!(message.contains("its checksum does not fit its content"), "{message}");
    fs::write(&path, whole.replace("\"format\":1", "\"format\":2")).unwrap();
    let message = registry.latest("scorer").unwrap().ignored[0].to_string();
    assert!(message.contains("its format is 2, and this program reads 1"), "{message}");
    assert_eq!(registry.publish(&publication("scorer", 2.0)).unwrap(), 3, "a torn version keeps its number");
    assert!(registry.latest("scorer").unwrap().ignored.is_empty(), "what is older than the latest is no matter");
}

#[test]
fn foreign_files_are_passed_over_and_named() {
    let (folder, registry) = registry();
    registry.publish(&publication("scorer", 1.0)).unwrap();
    let models = folder.path().join("models");
    for name in ["notes.txt", "2.json", "-00001.json"] {
        fs::write(models.join("scorer").join(name), "hello").unwrap();
    }
    let left = models.join("scorer/.new-0123456789abcdef");
    fs::write(&left, "left by a publisher that died").unwrap();
    let latest = registry.latest("scorer").unwrap();
    assert_eq!(latest.found.unwrap().version, 1);
    let ignored: Vec<String> = latest.ignored.iter().map(ToString::to_string).collect();
    assert_eq!(ignored.len(), 3);
    assert!(ignored[2].ends_with("notes.txt is not a model version and is ignored; move it elsewhere"), "{ignored:?}");
    registry.publish(&publication("other", 1.0)).unwrap();
    fs::copy(models.join("other/000001.json"), models.join("scorer/000002.json")).unwrap();
    let latest = registry.latest("scorer").unwrap();
    assert!(latest.ignored.last().unwrap().to_string().contains("it holds the model `other`"));
    registry.publish(&publication("scorer", 2.0)).unwrap();
    assert!(!left.exists(), "the next publisher removes it");
    assert!(fs::read_dir(models.join("scorer")).unwrap().all(|entry| !is_fresh(&entry.unwrap().file_name())));
}

#[test]
fn a_name_cannot_leave_the_folder() {
    let (_folder, registry) = registry();
    for name in ["", "..", "a/b", "/etc", ".hidden", "1"] {
        let message = registry.publish(&publication(name, 1.0)).unwrap_err().to_string();
        assert!(message.contains("cannot name a model"), "{message}");
    }
}

#[test]
fn publishers_at_once_get_their_own_numbers() {
    let (_folder, registry) = registry();
    let mut versions: Vec<u64> = std::thread::scope(|scope| {
        let publish = |base: u32| {
            let registry = &registry;
            scope.spawn(move || registry.publish(&publication("scorer", f64::from(base))).unwrap())
        };
        let all: Vec<_> = (0..8).map(publish).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
}

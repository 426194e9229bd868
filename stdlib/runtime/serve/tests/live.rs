//! What services of a running solution read, and what they say of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flow_core::types::Schema;
use flow_learn::Registry;
use flow_log::{Cut, Mark, PartitionId};
use flow_serve::{LiveReads, Reads};
use flow_store::MemoryFeatureStore;
use flow_task::Freshness;
use flow_task::freshness::FeatureSources;
use flow_task::spec::{Shape, SourceSpec};

fn reads(models: &Path) -> LiveReads {
    let registry = Arc::new(Registry::new(models));
    LiveReads::new(Arc::new(MemoryFeatureStore::new()), registry, vec!["judge".to_owned()])
}

fn cut(arrived: i64) -> Cut {
    Cut(BTreeMap::from([(PartitionId::new("sales", 0), Mark { next: 1, arrived })]))
}

#[test]
fn who_stands_at_an_instant_does_not_stand_before_what_was_applied() {
    let folder = tempfile::tempdir().unwrap();
    let standing = reads(folder.path()).standing(Some(100));
    assert_eq!(standing.moment().now(), 100);
    standing.applied(51, &cut(50));
    assert_eq!(standing.moment().now(), 100);
    standing.applied(201, &cut(200));
    assert_eq!(standing.moment().now(), 201);
    let moving = reads(folder.path()).standing(None);
    moving.applied(51, &cut(50));
    assert_eq!(moving.moment().now(), 51);
}

#[test]
fn commits_are_counted_and_features_as_fresh_as_the_newest_record() {
    let folder = tempfile::tempdir().unwrap();
    let source = SourceSpec::new("sales", Shape::Stream, Schema { fields: Vec::new() });
    let freshness = Freshness::new(&[FeatureSources::new("by_shop", &["sales"])], &[source]);
    let reads = reads(folder.path()).telling(freshness);
    for arrived in [1_000_000, 2_500_000] {
        reads.applied(arrived + 500_000, &cut(arrived));
    }
    let wanted = "# TYPE fec_feature_time_seconds gauge\nfec_feature_time_seconds{features=\"by_shop\"} 2.5\n\
                  # TYPE fec_applied_time_seconds gauge\nfec_applied_time_seconds 3\n\
                  # TYPE fec_commits_total counter\nfec_commits_total 2\n";
    assert_eq!(reads.metrics(), wanted);
}

#[test]
fn a_version_is_looked_at_once_and_one_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let reads = reads(folder.path());
    let told = || {
        let mut told = Vec::new();
        reads.refresh(&mut |text| told.push(text));
        told
    };
    assert_eq!(told(), Vec::<String>::new());
    std::fs::create_dir_all(folder.path().join("judge")).unwrap();
    for version in ["000001.json", "000002.json"] {
        std::fs::write(folder.path().join("judge").join(version), "{").unwrap();
        let first = told();
        assert!(first.iter().any(|text| text.contains(version)), "{first:?}");
        assert_eq!(told(), Vec::<String>::new(), "there is nothing new");
    }
    assert!(reads.model("judge").is_none());
}

use super::*;

fn unit(package: &str, siblings: &[&str]) -> Crate {
    Crate {
        package: package.to_owned(),
        binary: None,
        description: String::new(),
        runtime: vec!["flow-operators", "flow-core"],
        siblings: siblings.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn the_lock_is_in_order_and_names_every_crate() {
    let text = lock::with(LOCK, "0.1.0", &[unit("zz-unit", &["aa"]), unit("aa", &[])]);
    let names: Vec<&str> = lock::names(&text).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(names, sorted);
    assert!(names.starts_with(&["aa"]) && names.contains(&"zz-unit") && names.contains(&"flow-core"));
    assert!(text.ends_with("name = \"zz-unit\"\nversion = \"0.1.0\"\ndependencies = [\n \"aa\",\n \"flow-core\",\n \"flow-operators\",\n]\n"));
}

#[test]
fn the_runtime_is_embedded_without_its_tests() {
    assert!(RUNTIME.iter().any(|(path, _)| *path == "runtime/core/src/lib.rs"));
    for (path, text) in RUNTIME {
        assert!(!text.contains("cfg(test)") || text.contains("    #[cfg(test)]"), "{path} has tests");
        assert!(!text.contains("dev-dependencies"), "{path} has what only tests need");
        assert!(!path.ends_with("/tests.rs") && !path.contains("naive"), "{path} is a test");
        assert!(!text.contains("proptest"), "{path} needs what only tests need");
    }
    assert!(!lock::names(LOCK).any(|name| name == "proptest" || name.starts_with("fec-")));
}

#[test]
fn a_name_that_somebody_has_gets_a_number() {
    assert_eq!(package_name("fraud", &[]), "fraud");
    assert_eq!(package_name("serde", &[]), "serde-2");
    assert_eq!(package_name("serde_json", &[]), "serde_json-2");
    assert_eq!(package_name("test", &[]), "test-2");
    assert_eq!(package_name("type", &[]), "type-2");
    // Beside the modules of a process, and where its types are named.
    assert_eq!(package_name("rules", &[]), "rules-2");
    assert_eq!(package_name("features", &[]), "features-2");
    assert_eq!(package_name("i64", &[]), "i64-2");
    assert_eq!(package_name("a", &["a".to_owned(), "a-2".to_owned()]), "a-3");
}

#[test]
fn cargo_takes_the_workspace_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut unit = unit("zz-unit", &["aa"]);
    unit.binary = Some("zz".to_owned());
    for file in files(&[unit, super::tests::unit("aa", &[])]) {
        let path = folder.path().join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.contents).unwrap();
    }
    let root = folder.path().join(FOLDER);
    std::fs::create_dir_all(root.join("aa/src")).unwrap();
    std::fs::create_dir_all(root.join("zz-unit/src")).unwrap();
    std::fs::write(root.join("aa/src/lib.rs"), "").unwrap();
    std::fs::write(root.join("zz-unit/src/main.rs"), "fn main() {}").unwrap();
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--offline", "--quiet", "--workspace"]).current_dir(&root);
    let done = cargo.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let tree = String::from_utf8_lossy(&done.stdout);
    assert!(tree.contains("zz-unit v") && tree.contains("aa v") && !tree.contains("proptest"), "{tree}");
}

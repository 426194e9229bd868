//! Solutions whose own tests say what must come out: the evaluator says so, too.

use fec_diagnostics::FileId;

fn hold(text: &str, tests: usize) {
    let parsed = fec_syntax::parse(FileId(0), text);
    let (model, found) = fec_model::check(&[(FileId(0), &parsed.file)], &fec_model::CheckOptions::default());
    assert!(parsed.diagnostics.iter().chain(&found).all(|one| !one.is_error()), "{found:?}");
    assert_eq!(model.tests.len(), tests);
    for test in &model.tests {
        let held = asol_oracle::test::expectations(&model, test).unwrap();
        assert!(held.iter().all(|one| *one == Ok(true)), "{}: {held:?}", test.name);
    }
}

#[test]
fn requests_give_their_rows_to_sinks() {
    hold(include_str!("../../../solutions/decisions/decisions.asol"), 2);
}

#[test]
fn numbers_and_texts_become_numbers() {
    hold(include_str!("../../../solutions/conversions/conversions.asol"), 2);
}

//! Every dialect against its own models, without any real parser.

use luca_secrets::render::parse;
use luca_secrets::schema::Dialect;

use super::{COVERAGE, SEED, accepted, batches, render_all};

#[test]
fn every_accepted_value_reads_back_in_its_own_dialect() {
    for (dialect, at_least) in COVERAGE {
        let (of_corpus, values) = accepted(dialect);
        assert!(of_corpus >= at_least, "{}: {of_corpus} of 178, not {at_least}", dialect.name());
        for batch in batches(&values, 500) {
            let Ok(file) = render_all(dialect, &batch) else {
                panic!("{}: values accepted one by one were refused together (seed {SEED})", dialect.name());
            };
            let read = parse(dialect, file.expose()).unwrap();
            assert_eq!(read.len(), batch.len(), "{} (seed {SEED})", dialect.name());
            for ((name, value), item) in read.iter().zip(&batch) {
                let (found, put) = (value.expose(), item.value.expose());
                assert_eq!(
                    (name.as_str(), found),
                    (item.name.as_str(), put),
                    "{} (seed {SEED})",
                    dialect.name()
                );
            }
        }
    }
}

#[test]
fn ten_thousand_variables_are_rendered() {
    let values: Vec<String> =
        (0..10_000).map(|number| format!("it is $ecret #{number} {}", "x".repeat(40))).collect();
    let batch: Vec<_> =
        values.iter().enumerate().map(|(at, v)| super::variable(&format!("V{at}"), v)).collect();
    assert!(render_all(Dialect::Compose, &batch).is_ok());
}

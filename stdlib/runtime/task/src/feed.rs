//! The simulation as a producer: its history goes into the log once, then it goes on live.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use flow_log::{AppendError, Log, Outcome, PartitionId};

use crate::data::Places;
use crate::error::RunError;
use crate::simulate::{Dealer, Dealt, PARTITIONS, Simulation};
use crate::spec::{SourceSpec, streams};
use crate::state::StateFolder;
use crate::tables::Tables;

/// Events of one transaction.
const BLOCK: usize = 50_000;

/// A simulation that feeds the log; or nothing, where none is wanted.
pub struct Feed {
    simulated: Option<(Simulation, Dealer)>,
    /// The topics of streams that have no files, by source: the simulation or others fill them.
    topics: BTreeMap<u32, String>,
    /// The tables that have no files.
    open_tables: BTreeSet<String>,
    records: u64,
    live_events: u64,
}

impl Feed {
    /// The simulation of the local target, where something is left for it to fill.
    ///
    /// # Errors
    /// A generator that is not there, or an option out of range.
    pub fn open(sources: &[SourceSpec], settings: Option<&Simulation>, places: &Places) -> Result<Self, RunError> {
        let topics: BTreeMap<u32, String> = streams(sources)
            .filter(|(_, source)| places.at_rest(source).is_none())
            .map(|(number, source)| (number, source.topic.clone()))
            .collect();
        let open_tables = sources
            .iter()
            .filter(|source| !source.is_stream() && places.at_rest(source).is_none())
            .map(|source| source.name.clone())
            .collect();
        let simulated = match settings {
            Some(settings) => {
                let dealer = Dealer::open(sources, settings, |number, _| topics.contains_key(&number))?;
                Some((settings.clone(), dealer))
            }
            None => None,
        };
        Ok(Self { simulated, topics, open_tables, records: 0, live_events: 0 })
    }

    /// Tables, with those that the simulation fills.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn tables(&self, sources: &[SourceSpec], tables: Tables) -> Result<Tables, RunError> {
        match &self.simulated {
            Some((_, dealer)) => dealer.tables(sources, tables, |source| self.open_tables.contains(&source.name)),
            None => Ok(tables),
        }
    }

    /// Whether there is anything that it fills.
    #[must_use]
    pub fn fills(&self) -> bool {
        self.simulated.as_ref().is_some_and(|(_, dealer)| dealer.sources().next().is_some())
    }

    /// Records of history that it gave.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Makes the topics and fills them with history: all of it, or what is missing after an interrupted start.
    ///
    /// # Errors
    /// A log that refuses, or other settings than those whose events are in the log.
    pub fn history(
        &mut self,
        log: &mut dyn Log,
        folder: &mut StateFolder,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), RunError> {
        for topic in self.topics.values() {
            if log.partitions(topic)?.is_none() {
                log.create(topic, PARTITIONS)?;
            }
        }
        let Some((settings, dealer)) = self.simulated.as_mut() else { return Ok(()) };
        if dealer.sources().next().is_none() {
            return Ok(());
        }
        let wanted = format!("{}({}, {}, {})", settings.generator, settings.seed, settings.rows, settings.rate);
        match folder.simulated() {
            Some(before) if before != wanted => {
                return Err(RunError::Environment(format!(
                    "the log holds the events of {before}, and the solution now simulates {wanted}; remove the state folder, or choose another with --state"
                )));
            }
            Some(_) => {}
            None => folder.set_simulated(&wanted)?,
        }
        let mut there = 0u64;
        for topic in dealer.sources().filter_map(|source| self.topics.get(&source)) {
            for index in 0..PARTITIONS {
                let end = log.end(&PartitionId::new(topic.as_str(), index))?;
                there += u64::try_from(end.next).unwrap_or(0);
            }
        }
        // Events are appended in their order, so the first `there` of them are in the log.
        let mut seen = 0u64;
        let mut block = Vec::new();
        while let Some(event) = dealer.history() {
            seen += 1;
            if seen > there {
                block.push(event);
            }
            if block.len() == BLOCK {
                append(log, &self.topics, &block)?;
                block.clear();
                progress(seen, settings.rows);
            }
        }
        append(log, &self.topics, &block)?;
        folder.set_simulated_whole()?;
        self.records = seen;
        if there > seen && settings.rate > 0.0 {
            for _ in seen..there {
                while let Some(None) = dealer.live() {}
            }
        }
        Ok(())
    }

    /// Appends the live events that are due after `elapsed` of live time.
    ///
    /// # Errors
    /// A log that refuses.
    pub fn live(&mut self, log: &mut dyn Log, elapsed: Duration) -> Result<(), RunError> {
        let Some((settings, dealer)) = self.simulated.as_mut() else { return Ok(()) };
        let due = (elapsed.as_secs_f64() * settings.rate) as u64;
        let mut block = Vec::new();
        while self.live_events < due && block.len() < BLOCK {
            let Some(event) = dealer.live() else { break };
            self.live_events += 1;
            block.extend(event);
        }
        append(log, &self.topics, &block)
    }
}

/// Appends events in one transaction.
fn append(log: &mut dyn Log, topics: &BTreeMap<u32, String>, events: &[Dealt]) -> Result<(), RunError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut places: BTreeMap<(u32, u32), PartitionId> = BTreeMap::new();
    loop {
        let mut transaction = log.begin()?;
        for Dealt { source, partition, event } in events {
            let Some(topic) = topics.get(source) else { continue };
            let place =
                places.entry((*source, *partition)).or_insert_with(|| PartitionId::new(topic.as_str(), *partition));
            match transaction.append(place, &event.key, &event.json, event.stamp) {
                Ok(()) | Err(AppendError::Row(_)) => {}
                Err(AppendError::Log(error)) => return Err(error.into()),
            }
        }
        let mut outcome = transaction.commit();
        while matches!(outcome, Outcome::Unknown(_)) {
            std::thread::sleep(Duration::from_millis(5));
            outcome = log.resolve()?;
        }
        match outcome {
            Outcome::Committed => return Ok(()),
            Outcome::Aborted(error) => return Err(error.into()),
            Outcome::Fenced(_) | Outcome::Unknown(_) => {}
        }
    }
}

/// Whether all streams come from files or a simulation: then time goes on by what arrives, and not by the machine's clock.
#[must_use]
pub fn is_fed(sources: &[SourceSpec], places: &Places) -> bool {
    streams(sources).all(|(_, source)| places.at_rest(source).is_some() || places.simulated.contains(&source.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::read_tables;
    use crate::spec::Shape;
    use flow_core::types::{DataType, Field, Kind, Schema};

    #[test]
    fn a_table_that_has_a_file_is_not_simulated() {
        let columns = Schema { fields: vec![Field { name: "id".to_owned(), ty: DataType::required(Kind::String) }] };
        let sources = [SourceSpec::new("merchants", Shape::Table, columns)];
        let settings = Simulation { generator: "cards".to_owned(), seed: 1, rows: 10, rate: 0.0 };
        let rows = |places: &Places| {
            let feed = Feed::open(&sources, Some(&settings), places).unwrap();
            let tables = feed.tables(&sources, read_tables(&sources, places).unwrap()).unwrap();
            tables.get("merchants").unwrap().rows.rows
        };
        assert!(rows(&Places::default()) > 0);
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("none.jsonl");
        std::fs::write(&empty, "").unwrap();
        let bound = BTreeMap::from([("merchants".to_owned(), empty)]);
        assert_eq!(
            rows(&Places { bound, ..Places::default() }),
            0,
            "what is bound stands instead of what is simulated"
        );
    }

    #[test]
    fn a_log_that_holds_other_simulated_events_is_not_filled_further() {
        use flow_log::embedded::{EmbeddedLog, Options};
        let root = tempfile::tempdir().unwrap();
        let field = |name: &str, kind| Field { name: name.to_owned(), ty: DataType::required(kind) };
        let fields = vec![field("id", Kind::String), field("at", Kind::Timestamp)];
        let mut payments = SourceSpec::new("payments", Shape::Stream, Schema { fields });
        payments.time = Some("at".to_owned());
        let sources = [payments];
        let fills = |seed, rows| {
            let settings = Simulation { generator: "cards".to_owned(), seed, rows, rate: 0.0 };
            let mut feed = Feed::open(&sources, Some(&settings), &Places::default()).unwrap();
            let mut folder = StateFolder::open(root.path(), "shop", "a").unwrap().0;
            let mut log = EmbeddedLog::open(folder.log(), Options::default()).unwrap();
            let filled = feed.history(&mut log, &mut folder, &mut |_, _| {}).map_err(|error| error.to_string());
            let ends = (0..PARTITIONS).map(|index| log.end(&PartitionId::new("payments", index)).unwrap().next);
            (filled, ends.sum::<i64>())
        };
        let (filled, whole) = fills(1, 500);
        assert!(filled.is_ok() && whole > 0);
        assert_eq!(fills(1, 500), (Ok(()), whole), "all of it is there already");
        for (seed, rows) in [(2, 500), (1, 501)] {
            let (refused, there) = fills(seed, rows);
            let told = refused.unwrap_err();
            assert!(told.contains("cards(1, 500, 0)") && told.contains(&format!("cards({seed}, {rows}, 0)")), "{told}");
            assert_eq!(there, whole);
        }
        let settings = Simulation { generator: "cards".to_owned(), seed: 1, rows: 10, rate: 0.0 };
        let other = [SourceSpec::new("clicks", Shape::Stream, Schema { fields: Vec::new() })];
        let told = Feed::open(&other, Some(&settings), &Places::default()).err().unwrap().to_string();
        assert!(told.contains("`cards` fills ") && told.contains("`payments`"), "{told}");
    }
}

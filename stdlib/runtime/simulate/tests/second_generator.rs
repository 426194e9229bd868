//! A second generator is one file: here is one, on the public interface alone, and what any generator must hold.
#![cfg(test)]

use flow_core::types::{DataType, Field, Kind, Schema};
use flow_simulate::outbox::Outbox;
use flow_simulate::random::Random;
use flow_simulate::{
    Constructor, Error, GENERATORS, Generator, Options, OutputDescription, OutputKind, SimulatedEvent, generator,
};

/// Thermometers that report every second, some a while after.
struct Thermometers {
    outputs: [OutputDescription; 2],
    options: Options,
    random: Random,
    outbox: Outbox,
    made: u64,
    given: u64,
}

const SECOND: i64 = 1_000_000;

fn thermometers(options: &Options) -> Result<Box<dyn Generator>, Error> {
    let field = |name: &str, kind| Field { name: name.into(), ty: DataType::required(kind) };
    let readings = Schema {
        fields: vec![field("place", Kind::String), field("warmth", Kind::Float), field("at", Kind::Timestamp)],
    };
    let places = Schema { fields: vec![field("place", Kind::String)] };
    let stream = OutputKind::Stream { time: "at" };
    Ok(Box::new(Thermometers {
        outputs: [
            OutputDescription { name: "readings", kind: stream, fields: readings, key: "place" },
            OutputDescription { name: "places", kind: OutputKind::Table, fields: places, key: "place" },
        ],
        options: *options,
        random: Random::new("thermometers", options.seed),
        outbox: Outbox::default(),
        made: 0,
        given: 0,
    }))
}

impl Thermometers {
    fn next(&mut self) -> Option<SimulatedEvent> {
        let past = i64::try_from(self.options.rows).unwrap();
        loop {
            let made = i64::try_from(self.made).unwrap();
            let live = (made - past).max(0) as f64 / self.options.rate;
            let at = made.min(past) * SECOND + (live * SECOND as f64) as i64;
            if let Some(event) = self.outbox.take(at) {
                self.given += 1;
                return Some(event);
            }
            let place = if self.random.chance(0.5) { "roof" } else { "cellar" };
            let json = format!(r#"{{"place":"{place}","warmth":{:.1},"at":{at}}}"#, 15.0 + self.random.normal());
            let stamp = at + (self.random.exponential(2.0) * SECOND as f64) as i64;
            self.outbox.put(SimulatedEvent { output: 0, stamp, key: place.into(), json: json.into() });
            self.made += 1;
        }
    }
}

impl Generator for Thermometers {
    fn outputs(&self) -> &[OutputDescription] {
        &self.outputs
    }

    fn csv(&self, output: usize) -> Vec<u8> {
        if output == 1 { b"place\ncellar\nroof\n".to_vec() } else { Vec::new() }
    }

    fn history(&mut self) -> Option<SimulatedEvent> {
        if self.given < self.options.rows { self.next() } else { None }
    }

    fn live(&mut self) -> Option<SimulatedEvent> {
        while self.history().is_some() {}
        if self.options.rate > 0.0 { self.next() } else { None }
    }
}

/// What every generator must hold, whoever wrote it.
fn holds(make: Constructor) {
    let options = Options { seed: 5, rows: 2_000, rate: 25.0 };
    let run = || {
        let mut generator = make(&options).unwrap();
        let mut events: Vec<SimulatedEvent> = std::iter::from_fn(|| generator.history()).collect();
        let past = events.len();
        events.extend((0..2_000).map(|_| generator.live().unwrap()));
        let tables: Vec<Vec<u8>> = (0..generator.outputs().len()).map(|output| generator.csv(output)).collect();
        (generator.outputs().to_vec(), past, events, tables)
    };
    let (outputs, past, events, tables) = run();
    assert_eq!(run(), (outputs.clone(), past, events.clone(), tables.clone()), "the same options, the same bytes");
    assert!(events.is_sorted_by_key(|event| event.stamp));
    assert_eq!(events.iter().take(past).filter(|event| event.output == 0).count(), 2_000);
    for (output, table) in outputs.iter().zip(&tables) {
        assert!(output.fields.position(output.key).is_some());
        match output.kind {
            OutputKind::Stream { time } => assert!(output.fields.position(time).is_some() && table.is_empty()),
            OutputKind::Table => {
                let names: Vec<&str> = output.fields.fields.iter().map(|field| field.name.as_str()).collect();
                assert!(table.starts_with(format!("{}\n", names.join(",")).as_bytes()));
            }
        }
    }
    for event in &events {
        let output = &outputs[event.output];
        assert!(matches!(output.kind, OutputKind::Stream { .. }));
        let json: serde_json::Value = serde_json::from_slice(&event.json).unwrap();
        assert_eq!(json[output.key].as_str().unwrap().as_bytes(), event.key);
        assert!(!event.json.contains(&b'\n'));
    }
}

#[test]
fn a_second_generator_is_one_file() {
    holds(thermometers);
}

#[test]
fn every_registered_generator_holds() {
    for (_, constructor) in GENERATORS {
        holds(*constructor);
    }
}

#[test]
fn an_unknown_generator_is_named_with_those_that_exist() {
    let error = generator("cardz", &Options { seed: 1, rows: 1, rate: 1.0 }).err().unwrap();
    assert_eq!(error.to_string(), "`cardz` is not a generator of `std.simulate`: there is `cards`");
}

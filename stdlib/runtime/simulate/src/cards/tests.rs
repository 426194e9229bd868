use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use flow_core::trees::{Fnv128, Input};
use flow_learn::{ColumnKind, GbdtOptions, Matrix, evaluate, gbdt, split};
use serde_json::Value;

use super::*;
use crate::generator;

fn cards(seed: u64, rows: u64, rate: f64) -> Box<dyn Generator> {
    generator("cards", &Options { seed, rows, rate }).unwrap()
}

fn past(seed: u64, rows: u64) -> Vec<SimulatedEvent> {
    let mut cards = cards(seed, rows, 0.0);
    std::iter::from_fn(|| cards.history()).collect()
}

/// A record of `payments`, read back from its JSON.
#[derive(Debug, Clone)]
struct Paid {
    stamp: i64,
    at: i64,
    id: String,
    card: String,
    merchant: String,
    country: String,
    amount: f64,
}

#[derive(Debug, Default)]
struct Past {
    payments: Vec<Paid>,
    /// Payment, stamp, time.
    chargebacks: Vec<(String, i64, i64)>,
}

fn micros(value: &Value) -> i64 {
    value.as_str().unwrap().parse::<Timestamp>().unwrap().as_microsecond()
}

fn read(events: &[SimulatedEvent]) -> Past {
    let mut past = Past::default();
    for event in events {
        let json: Value = serde_json::from_slice(&event.json).unwrap();
        let text = |field: &str| json[field].as_str().unwrap().to_owned();
        let stamp = event.stamp;
        if event.output == PAYMENTS {
            assert_eq!(event.key, text("card").into_bytes());
            let amount = text("amount").parse().unwrap();
            let (id, card, merchant, country) = (text("id"), text("card"), text("merchant"), text("country"));
            past.payments.push(Paid { stamp, at: micros(&json["at"]), id, card, merchant, country, amount });
        } else {
            assert_eq!((event.output, &event.key), (CHARGEBACKS, &text("payment").into_bytes()));
            past.chargebacks.push((text("payment"), stamp, micros(&json["at"])));
        }
    }
    past
}

/// The payments that count: in time, and each id once.
fn accepted(past: &Past) -> Vec<&Paid> {
    let mut seen = BTreeSet::new();
    past.payments.iter().filter(|paid| paid.stamp - paid.at <= 30 * SECOND && seen.insert(&paid.id)).collect()
}

/// The features of the language's fraud program as each payment arrived, plainly: by looking at all that is there.
#[derive(Debug)]
struct Row {
    card: String,
    at: i64,
    id: String,
    amount: f64,
    spend_1h: f64,
    spend_30d: f64,
    payments_10m: usize,
    countries_24h: usize,
    mean_30d: Option<f64>,
    payments_60d: usize,
    disputes_60d: usize,
}

fn features(past: &Past) -> Vec<Row> {
    let shop_of: BTreeMap<&str, &str> =
        past.payments.iter().map(|paid| (paid.id.as_str(), paid.merchant.as_str())).collect();
    let mut disputes: BTreeMap<&str, Vec<(i64, i64)>> = BTreeMap::new();
    for (payment, stamp, at) in &past.chargebacks {
        disputes.entry(shop_of[payment.as_str()]).or_default().push((*stamp, *at));
    }
    let mut by_card: BTreeMap<&str, VecDeque<&Paid>> = BTreeMap::new();
    let mut by_shop: BTreeMap<&str, VecDeque<i64>> = BTreeMap::new();
    let mut rows = Vec::new();
    for paid in accepted(past) {
        let before = by_card.entry(&paid.card).or_default();
        before.retain(|other| other.at >= paid.at - 30 * DAY);
        let over = |window: i64| {
            before.iter().copied().filter(move |other| other.at <= paid.at && other.at >= paid.at - window)
        };
        let spend = |window| over(window).map(|other| other.amount).sum::<f64>();
        let shop = by_shop.entry(&paid.merchant).or_default();
        while shop.front().is_some_and(|at| *at < paid.at - 60 * DAY) {
            shop.pop_front();
        }
        let disputed = disputes
            .get(paid.merchant.as_str())
            .map_or(0, |all| all.iter().filter(|(stamp, at)| *stamp < paid.stamp && *at >= paid.at - 60 * DAY).count());
        let in_30d = over(30 * DAY).count();
        rows.push(Row {
            card: paid.card.clone(),
            at: paid.at,
            id: paid.id.clone(),
            amount: paid.amount,
            spend_1h: spend(HOUR),
            spend_30d: spend(30 * DAY),
            payments_10m: over(10 * MINUTE).count(),
            countries_24h: over(DAY).map(|other| &other.country).collect::<BTreeSet<_>>().len(),
            mean_30d: (in_30d > 0).then(|| spend(30 * DAY) / in_30d as f64),
            payments_60d: shop.len(),
            disputes_60d: disputed,
        });
        before.push_back(paid);
        shop.push_back(paid.at);
    }
    rows
}

fn trips(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.payments_10m > 5 && row.spend_1h > 10.0 * row.mean_30d.unwrap_or(0.0)).count()
}

/// The AUC that the program's job would reach: rows whose 60 days are over, cards split 80 to 20.
fn auc(past: &Past, rows: &[Row], trees: usize) -> f64 {
    let charged: BTreeSet<&str> = past.chargebacks.iter().map(|(payment, _, _)| payment.as_str()).collect();
    let names = [
        "amount",
        "spend_1h",
        "spend_30d",
        "payments_10m",
        "countries_24h",
        "mean_30d",
        "payments_60d",
        "disputes_60d",
    ];
    let mut parts = [(); 2].map(|()| (Matrix::new(names.map(|name| (name, ColumnKind::Numeric))), Vec::new()));
    for row in rows.iter().filter(|row| row.at + 60 * DAY < END) {
        let number = |count: usize| Input::Number(count as f64);
        let (data, labels) = &mut parts[split::part(row.card.as_bytes(), &[0.8, 0.2]).unwrap()];
        data.push(&[
            Input::Number(row.amount),
            Input::Number(row.spend_1h),
            Input::Number(row.spend_30d),
            number(row.payments_10m),
            number(row.countries_24h),
            row.mean_30d.map_or(Input::Missing, Input::Number),
            number(row.payments_60d),
            number(row.disputes_60d),
        ])
        .unwrap();
        labels.push(f64::from(u8::from(charged.contains(row.id.as_str()))));
    }
    let [(train, labels), (test, truth)] = parts;
    let model = gbdt(&train, &labels, &GbdtOptions { trees, ..GbdtOptions::default() }, |_, _| true).unwrap();
    evaluate(&model, &test, &truth).unwrap().auc.unwrap()
}

fn hash(events: &[SimulatedEvent]) -> u128 {
    let mut hash = Fnv128::default();
    for event in events {
        hash.write(&[u8::try_from(event.output).unwrap()]);
        hash.write(&event.stamp.to_le_bytes());
        hash.write(&event.key);
        hash.write(&event.json);
    }
    hash.finish()
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = |seed| {
        let mut cards = cards(seed, 3_000, 50.0);
        let mut events: Vec<_> = std::iter::from_fn(|| cards.history()).collect();
        events.extend((0..3_000).map(|_| cards.live().unwrap()));
        (hash(&events), cards.csv(MERCHANTS))
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
    assert_eq!(run(7).0, 174_871_733_518_645_740_876_094_751_040_927_960_915, "the pinned bytes");
}

/// Long enough for each pattern of fraud to have come: a change of any of them is another answer of every test that uses
/// these payments.
#[test]
fn a_history_with_every_pattern_keeps_its_bytes() {
    assert_eq!(hash(&past(7, 30_000)), 200_044_977_325_012_100_080_194_622_314_840_163_365, "the pinned bytes");
}

#[test]
fn a_history_has_its_rows_in_its_days_in_the_order_of_the_log() {
    for rows in [0, 1, 10, 1_000, 20_000] {
        let events = past(3, rows);
        let past = read(&events);
        assert_eq!(past.payments.len() as u64, rows);
        assert!(events.is_sorted_by_key(|event| event.stamp));
        assert!(past.payments.iter().all(|paid| (START..END).contains(&paid.at) && paid.stamp > paid.at));
        if rows >= 1_000 {
            assert!(past.payments[0].at < START + DAY && past.payments.last().unwrap().at > END - DAY);
        }
    }
}

#[test]
fn records_are_out_of_order_late_and_repeated_as_real_ones_are() {
    let past = read(&past(1, 50_000));
    let share = |count: usize| count as f64 / past.payments.len() as f64;
    let late = past.payments.iter().filter(|paid| paid.stamp - paid.at > 30 * SECOND).count();
    assert!((0.001..0.004).contains(&share(late)), "{late} late");
    let ids: BTreeSet<&String> = past.payments.iter().map(|paid| &paid.id).collect();
    let repeated = past.payments.len() - ids.len();
    assert!((0.0005..0.002).contains(&share(repeated)), "{repeated} repeated");
    let disordered = past.payments.windows(2).filter(|pair| pair[1].at < pair[0].at).count();
    assert!(disordered > 20, "{disordered} out of order");
    let late = past.chargebacks.iter().filter(|(_, stamp, at)| stamp - at > HOUR).count();
    assert!(late < past.chargebacks.len() / 50, "{late} chargebacks late");
}

#[test]
fn one_payment_in_a_hundred_is_charged_back_within_55_days() {
    for seed in 1..=5 {
        let mut cards = cards(seed, 50_000, 1.0);
        let mut events: Vec<_> = std::iter::from_fn(|| cards.history()).collect();
        // What is on its way when the history ends counts too.
        events.extend(std::iter::from_fn(|| cards.live()).take_while(|event| event.stamp < END + HOUR));
        let past = read(&events);
        let paid: BTreeMap<&str, i64> = past.payments.iter().map(|paid| (paid.id.as_str(), paid.at)).collect();
        let before = past.payments.iter().filter(|paid| paid.at < END - 56 * DAY).count();
        let mut charged = 0;
        for (payment, _, at) in &past.chargebacks {
            let days = (at - paid[payment.as_str()]) / DAY;
            assert!((0..=55).contains(&days), "{payment} after {days} days");
            charged += usize::from(paid[payment.as_str()] < END - 56 * DAY);
        }
        let share = charged as f64 / before as f64;
        assert!((0.006..0.015).contains(&share), "seed {seed}: {share}");
    }
}

#[test]
fn bursts_trip_the_alerts_of_the_fraud_program() {
    for seed in 1..=5 {
        let rows = features(&read(&past(seed, 50_000)));
        let count = trips(&rows);
        println!("seed {seed}: {count} alerts");
        assert!(count >= 20, "seed {seed}: {count} alerts");
        assert!(count < 500, "seed {seed}: {count} alerts");
    }
}

#[test]
fn a_card_may_be_seen_in_five_countries_a_day() {
    let rows = features(&read(&past(1, 50_000)));
    assert!(rows.iter().any(|row| row.countries_24h > 4));
}

#[test]
fn fraud_can_be_learned_from_the_programs_features() {
    let past = read(&past(7, 50_000));
    let auc = auc(&past, &features(&past), 40);
    println!("AUC {auc}");
    assert!(auc >= 0.90, "AUC {auc}");
    assert!(auc < 0.999, "AUC {auc}: too easy to be true");
}

/// Run it with `--release -- --ignored`: the same over many seeds and sizes, with the program's own options.
#[test]
#[ignore = "long: many histories and models"]
fn fraud_can_be_learned_whatever_the_seed() {
    for (rows, seeds) in [(20_000, 1..=5), (50_000, 1..=20), (200_000, 1..=3)] {
        for seed in seeds {
            let past = read(&past(seed, rows));
            let features = features(&past);
            let (count, auc) = (trips(&features), auc(&past, &features, 200));
            println!("rows {rows} seed {seed}: {count} alerts, {} charged back, AUC {auc:.4}", past.chargebacks.len());
            assert!(count as u64 * 100_000 >= 20 * rows);
            assert!(rows < 50_000 || auc >= 0.90);
        }
    }
}

#[test]
fn merchants_are_those_of_the_payments() {
    let cards = cards(7, 50_000, 0.0);
    let csv = String::from_utf8(cards.csv(MERCHANTS)).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("id,category,opened"));
    let mut known = BTreeSet::new();
    for line in lines {
        let [id, category, opened] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        known.insert(id.to_owned());
        assert!(!category.is_empty());
        let opened: Date = opened.parse().unwrap();
        assert!((2005..2026).contains(&opened.year()), "{opened}");
    }
    assert_eq!(known.len(), 500);
    assert!(read(&past(7, 5_000)).payments.iter().all(|paid| known.contains(&paid.merchant)));
    assert_eq!((cards.csv(PAYMENTS), cards.csv(9)), (vec![], vec![]));
}

#[test]
fn events_have_the_fields_that_the_outputs_name() {
    let cards = cards(7, 2_000, 0.0);
    for event in past(7, 2_000) {
        let json: serde_json::Map<String, Value> = serde_json::from_slice(&event.json).unwrap();
        let output = &cards.outputs()[event.output];
        let named: BTreeSet<&str> = output.fields.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(json.keys().map(String::as_str).collect::<BTreeSet<_>>(), named);
        assert_eq!(json[output.key].as_str().unwrap().as_bytes(), event.key);
        let OutputKind::Stream { time } = output.kind else { panic!("`{}` is no stream", output.name) };
        assert!(json.contains_key(time));
    }
}

#[test]
fn live_goes_on_where_the_history_ended_at_its_rate() {
    let mut cards = cards(7, 5_000, 200.0);
    let mut last = 0;
    while let Some(event) = cards.history() {
        last = event.stamp;
    }
    assert!(cards.history().is_none());
    let events: Vec<_> = (0..120_000).map(|_| cards.live().unwrap()).collect();
    assert!(events[0].stamp >= last && events.is_sorted_by_key(|event| event.stamp));
    let seconds = (events.last().unwrap().stamp - events[0].stamp) as f64 / 1e6;
    let rate = events.len() as f64 / seconds;
    assert!((180.0..220.0).contains(&rate), "{rate} a second");
    assert!(cards.history().is_none(), "the past does not come back");
    let ids: BTreeSet<Vec<u8>> = past(7, 5_000).into_iter().map(|event| event.json).collect();
    assert!(events.iter().all(|event| !ids.contains(&event.json)), "live repeats nothing of the past");
}

#[test]
fn live_has_fraud_too_but_cards_keep_to_their_habits() {
    let mut cards = cards(7, 5_000, 20.0);
    let events: Vec<_> = std::iter::from_fn(|| cards.live()).take_while(|event| event.stamp < END + 2 * HOUR).collect();
    let past = read(&events);
    let rows = features(&past);
    let busy = rows.iter().filter(|row| row.payments_10m > 5).count() as f64 / rows.len() as f64;
    assert!((0.0005..0.01).contains(&busy), "{busy} of the payments come after five others");
    assert!(trips(&rows) > 20, "{} alerts", trips(&rows));
}

#[test]
fn live_skips_what_is_left_of_the_past_and_rate_zero_is_silence() {
    let mut whole = cards(7, 300, 10.0);
    while whole.history().is_some() {}
    let mut skipping = cards(7, 300, 10.0);
    skipping.history();
    assert_eq!(skipping.live(), whole.live());
    assert_eq!(cards(7, 300, 0.0).live(), None);
}

#[test]
fn options_out_of_range_are_named() {
    let refuse = |rows, rate| generator("cards", &Options { seed: 1, rows, rate }).err().unwrap().to_string();
    assert_eq!(refuse(2_000_000_000, 1.0), "`rows` must be at most 1_000_000_000");
    assert_eq!(refuse(1, f64::NAN), "`rate` must be from 0.000001 to 1_000_000 events a second, or 0");
    assert_eq!(refuse(1, -1.0), "`rate` must be from 0.000001 to 1_000_000 events a second, or 0");
}

/// Run it with `--release -- --ignored`; a debug build says nothing about speed.
#[test]
#[ignore = "a measurement: needs a release build"]
fn a_million_payments_take_seconds() {
    let start = Instant::now();
    let mut cards = cards(7, 1_000_000, 0.0);
    let mut bytes = 0;
    while let Some(event) = cards.history() {
        bytes += event.json.len();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{seconds:.2} s for {bytes} bytes");
    assert!(seconds < 10.0, "{seconds} s");
}

//! Generated card payments as JSON records with the stamps of a log.

use flow_simulate::random::Random;

const SECOND: i64 = 1_000_000;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000_000;

/// Records one after the other, as a log hands them out.
#[derive(Debug, Clone, Default)]
pub struct Payments {
    /// The bytes of all records.
    pub bytes: Vec<u8>,
    /// Start and end of each record.
    pub views: Vec<(usize, usize)>,
    /// When each reached the log, microseconds: never decreasing.
    pub stamps: Vec<i64>,
}

impl Payments {
    /// So many payments of so many cards within so many days. How often a card pays falls with its rank (Zipf); one in five payments comes up
    /// to 20 s out of order, one in a thousand beyond the lateness of 30 s, and one in a thousand is a repetition.
    #[must_use]
    pub fn generate(rows: usize, cards: usize, days: i64) -> Self {
        const COUNTRIES: [&str; 12] = ["AT", "BE", "CH", "DE", "ES", "FR", "GB", "IT", "NL", "PL", "PT", "US"];
        let mut random = Random::new("bench payments", 7);
        let mut summed = Vec::with_capacity(cards);
        let mut total = 0.0;
        for rank in 1..=cards {
            total += 1.0 / rank as f64;
            summed.push(total);
        }
        let gap = days * 86_400 * SECOND / i64::try_from(rows.max(1)).unwrap_or(i64::MAX);
        let mut payments = Self::default();
        let mut repeated: Option<(usize, usize)> = None;
        for row in 0..rows {
            let stamp = START + gap * i64::try_from(row).unwrap_or_default();
            payments.stamps.push(stamp);
            if let Some((start, end)) = repeated.take() {
                let begin = payments.bytes.len();
                payments.bytes.extend_from_within(start..end);
                payments.views.push((begin, payments.bytes.len()));
                continue;
            }
            let delay = match random.below(1_000) {
                0 => 31 * SECOND + random.below(600_000_000).cast_signed(),
                1..200 => random.below(20_000_000).cast_signed(),
                _ => random.below(300_000).cast_signed(),
            };
            let at = (stamp - delay) / 1000 * 1000;
            let wanted = random.unit() * total;
            let rank = summed.partition_point(|sum| *sum < wanted).min(cards.saturating_sub(1));
            // Ranks are scattered over the numbers, so that busy cards are no neighbours.
            let card = rank * 7_919 % cards.max(1);
            let home = card % COUNTRIES.len();
            let country = if random.below(20) == 0 { random.below(12) as usize } else { home };
            let most = if random.below(10) == 0 { 200_000 } else { 9_000 };
            let cents = 100 + random.below(most);
            let begin = payments.bytes.len();
            let text = format!(
                r#"{{"id":"p{row:08}","card":"c{card:06}","merchant":"m{:05}","amount":"{}.{:02}","country":"{}","at":"{}"}}"#,
                random.below(20_000),
                cents / 100,
                cents % 100,
                COUNTRIES.get(country).copied().unwrap_or("FR"),
                instant(at),
            );
            payments.bytes.extend_from_slice(text.as_bytes());
            let place = (begin, payments.bytes.len());
            payments.views.push(place);
            if random.below(1_000) == 0 {
                repeated = Some(place);
            }
        }
        payments
    }

    /// The number of records.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.views.len()
    }

    /// The bytes of some consecutive records.
    pub fn records(&self, rows: std::ops::Range<usize>) -> impl ExactSizeIterator<Item = &[u8]> {
        let views = self.views.get(rows).unwrap_or_default();
        views.iter().map(|(start, end)| self.bytes.get(*start..*end).unwrap_or_default())
    }
}

/// RFC 3339 in UTC with milliseconds.
fn instant(micros: i64) -> String {
    let mut text = Vec::new();
    flow_core::calendar::write_timestamp(&mut text, micros);
    String::from_utf8(text).unwrap_or_default()
}

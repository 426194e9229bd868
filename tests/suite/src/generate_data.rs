//! Histories of random programs: several partitions, disorder inside and outside of the lateness, equal times, absent
//! keys, repeated ids, cells and lines that cannot be read.

use asol_oracle::calendar::timestamp_text;

use crate::generate::{SECOND, SourcePlan, Span};
use crate::generate_types::{Col, Ty};
use crate::random::Random;

/// A cell as JSON and as CSV text; none is absent.
type Text = Option<(String, String)>;

/// The text of a source's file.
pub(crate) fn file(random: &mut Random, plan: &SourcePlan, span: Span) -> String {
    let mut rows = if plan.table { table(random, plan, span) } else { stream(random, plan, span) };
    if plan.positions && random.chance(30) {
        // Offsets and arrivals say what the order was.
        random.shuffle(&mut rows);
    }
    let mut out = String::new();
    if plan.csv {
        let mut header: Vec<&str> = plan.columns.iter().map(|column| column.name.as_str()).collect();
        if plan.positions {
            header.extend(["_partition", "_offset", "_arrived"]);
        }
        out.push_str(&header.join(","));
        out.push('\n');
    }
    for row in rows {
        // A table is a constant: a row of it that cannot be read stops everything.
        let broken = !plan.table && random.chance(2);
        out.push_str(&if plan.csv { csv(&row, broken) } else { json(random, row, broken) });
        out.push('\n');
    }
    out
}

fn json(random: &mut Random, mut row: Vec<(String, Text)>, broken: bool) -> String {
    if broken {
        return (*random.pick(&["{\"broken\": ", "[1, 2]", "nothing", "{\"a\": 1} 2"])).into();
    }
    if random.chance(20) {
        random.shuffle(&mut row);
    }
    let mut fields = Vec::new();
    for (name, text) in row {
        match text {
            Some((json, _)) => fields.push(format!("\"{name}\": {json}")),
            None if random.chance(50) => fields.push(format!("\"{name}\": null")),
            None => {}
        }
    }
    if random.chance(5) {
        fields.push("\"unheard_of\": {\"deep\": [1, \"}\"]}".into());
    }
    format!("{{{}}}", fields.join(", "))
}

fn csv(row: &[(String, Text)], broken: bool) -> String {
    let mut cells: Vec<String> = row
        .iter()
        .map(|(_, text)| match text {
            Some((_, csv)) if csv.contains([',', '"', '\n']) => format!("\"{}\"", csv.replace('"', "\"\"")),
            Some((_, csv)) => csv.clone(),
            None => String::new(),
        })
        .collect();
    if broken {
        cells.push("too many".into());
    }
    cells.join(",")
}

fn quoted(text: impl AsRef<str>) -> (String, String) {
    let text = text.as_ref();
    (format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")), text.to_owned())
}

fn plain(text: String) -> Text {
    Some((text.clone(), text))
}

fn instant(plan: &SourcePlan, micros: i64) -> Text {
    if plan.milliseconds {
        return plain(micros.div_euclid(1_000).to_string());
    }
    timestamp_text(micros).ok().map(|text| quoted(&text))
}

fn table(random: &mut Random, plan: &SourcePlan, span: Span) -> Vec<Vec<(String, Text)>> {
    let row = |random: &mut Random| {
        let columns = plan.columns.iter().map(|column| {
            let text = match &plan.time {
                Some(time) if *time == column.name => instant(plan, span.start + random.below(span.length)),
                _ if column.name == plan.key => Some(quoted(random.pick(&["a", "b", "c", "d", "ü"]))),
                _ => cell(random, plan, column, span),
            };
            (column.name.clone(), text)
        });
        columns.collect()
    };
    (0..plan.rows).map(|_| row(random)).collect()
}

fn stream(random: &mut Random, plan: &SourcePlan, span: Span) -> Vec<Vec<(String, Text)>> {
    let partitions = if plan.positions { random.between(1, 4) } else { 1 };
    let grain = *random.pick(&[1, 1_000, SECOND, SECOND, 60 * SECOND]);
    let grain = if plan.milliseconds { grain.max(1_000) } else { grain };
    // Each partition has a clock of its own, the first of them far ahead now and then.
    let mut clocks: Vec<i64> = (0..partitions).map(|_| span.start).collect();
    if let (Some(first), true) = (clocks.first_mut(), random.chance(30)) {
        *first += span.length / 3;
    }
    let mut offsets = vec![0; clocks.len()];
    let step = (span.length / i64::try_from(plan.rows.max(1)).unwrap_or(1) * partitions).max(1);
    let mut rows = Vec::new();
    for number in 0..plan.rows {
        let partition = usize::try_from(random.below(partitions)).unwrap_or(0);
        let (Some(clock), Some(offset)) = (clocks.get_mut(partition), offsets.get_mut(partition)) else { continue };
        if !random.chance(15) {
            *clock += random.below(2 * step) / grain * grain;
        }
        let behind = match random.below(20) {
            0 => plan.lateness,
            1 => plan.lateness + 1_000,
            2 => plan.lateness * 2 + grain,
            3 => -random.below(5 * SECOND),
            4..=10 => 0,
            _ => random.below(plan.lateness + 1) / grain * grain,
        };
        let time = *clock - behind;
        let mut row = Vec::new();
        for column in &plan.columns {
            let text = match &plan.time {
                Some(name) if *name == column.name => match random.below(100) {
                    0 => Some(quoted("yesterday")),
                    _ => instant(plan, time),
                },
                _ if column.name == plan.id => {
                    let n = if random.chance(15) {
                        random.below(i64::try_from(number + 1).unwrap_or(1))
                    } else {
                        i64::try_from(number).unwrap_or(0)
                    };
                    Some(quoted(format!("id{n}")))
                }
                _ if column.name == plan.key && !(column.optional && random.chance(20)) => {
                    Some(quoted(random.pick(&["a", "a", "b", "b", "c", "d", "ü"])))
                }
                _ if column.name == plan.key => None,
                _ => cell(random, plan, column, span),
            };
            row.push((column.name.clone(), text));
        }
        if plan.positions {
            row.push(("_partition".into(), plain(partition.to_string())));
            row.push(("_offset".into(), plain(offset.to_string())));
            row.push(("_arrived".into(), instant(plan, *clock)));
            // Offsets have gaps where a log was compacted or a transaction ended.
            *offset += if random.chance(10) { 3 } else { 1 };
        }
        rows.push(row);
    }
    rows
}

fn cell(random: &mut Random, plan: &SourcePlan, column: &Col, span: Span) -> Text {
    if column.optional && random.chance(30) || random.chance(1) {
        return None;
    }
    if random.chance(1) && column.ty != Ty::Text {
        return Some(quoted("bad"));
    }
    match &column.ty {
        Ty::Int => plain(match random.below(60) {
            0 => i64::MAX.to_string(),
            1 => i64::MIN.to_string(),
            _ => random.between(-3, 12).to_string(),
        }),
        Ty::Float => plain(match random.below(40) {
            0 => "1e308".into(),
            1 => "-1e308".into(),
            2 => "1e-320".into(),
            3 => "-0.0".into(),
            4 => "123456789.123456789".into(),
            _ => format!("{}.{}", random.between(-9, 9), random.below(1_000)),
        }),
        Ty::Money | Ty::Mean => {
            let text = match random.below(40) {
                0 => "99999999999999999999999999999999999.99".into(),
                1 => "0.005".into(),
                _ => format!("{}.{:02}", random.between(-20, 500), random.below(100)),
            };
            if random.chance(50) { Some(quoted(&text)) } else { plain(text) }
        }
        Ty::Text => Some(quoted(random.pick(&["a", "b", "c", "ü", "", "Z", "a,b", "say \"no\"", "日本"]))),
        Ty::Bool => plain((*random.pick(&["true", "false"])).into()),
        Ty::Mood => Some(quoted(random.pick(&["calm", "Wild", "off"]))),
        Ty::Time => instant(plan, span.start + random.below(span.length)),
        Ty::Deep => {
            let a = if random.chance(3) { "\"bad\"".to_owned() } else { random.between(-3, 12).to_string() };
            let b = random.pick(&["null", "\"a\"", "\"ü, \\\"b\\\"\"", "\"\""]);
            plain(format!("{{\"a\": {a}, \"b\": {b}, \"c\": {{\"e\": {}.5}}}}", random.between(-3, 12)))
        }
        Ty::Top(_) => None,
    }
}

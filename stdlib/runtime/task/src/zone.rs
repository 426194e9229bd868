//! Time zones from the machine's database.

use std::path::Path;

use flow_core::zone::Zone;

use crate::error::RunError;

mod rule;

use rule::Rule;

/// The offsets of an IANA time zone, from the machine's database.
///
/// # Errors
/// A zone that is not there.
pub fn zone(name: &str) -> Result<Zone, RunError> {
    if name.is_empty() || name == "UTC" {
        return Ok(Zone::utc());
    }
    let unknown = || {
        RunError::Environment(format!(
            "this machine does not know the time zone `{name}`; correct `timezone` in `solution`, or install the time zone database"
        ))
    };
    let plain = name.split('/').all(|part| !part.is_empty() && part != ".." && !part.starts_with('.'));
    if !plain {
        return Err(unknown());
    }
    let bytes = std::fs::read(Path::new("/usr/share/zoneinfo").join(name)).map_err(|_| unknown())?;
    zone_file(&bytes).ok_or_else(unknown)
}

/// Reads the 64-bit block of a TZif file (RFC 8536), and the rule behind it for the instants after its last change: how
/// many changes are listed is the choice of who made the file.
fn zone_file(bytes: &[u8]) -> Option<Zone> {
    let header = |at: usize| -> Option<[usize; 6]> {
        (bytes.get(at..at + 4)? == b"TZif").then_some(())?;
        let mut counts = [0; 6];
        for (count, place) in counts.iter_mut().zip((at + 20..).step_by(4)) {
            *count = usize::try_from(u32::from_be_bytes(bytes.get(place..place + 4)?.try_into().ok()?)).ok()?;
        }
        Some(counts)
    };
    let [utc, std, leap, times, types, chars] = header(0)?;
    let second = 44 + times * 5 + types * 6 + chars + leap * 8 + std + utc;
    let [utc, std, leap, times, types, chars] = header(second)?;
    let instants = second + 44;
    let indices = instants + times * 8;
    let infos = indices + times;
    let offset = |index: usize| -> Option<i32> {
        (index < types).then_some(())?;
        let at = infos + index * 6;
        Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
    };
    let mut transitions = Vec::with_capacity(times);
    for number in 0..times {
        let at = instants + number * 8;
        let seconds = i64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?);
        let index = usize::from(*bytes.get(indices + number)?);
        transitions.push((seconds.saturating_mul(1_000_000), offset(index)?));
    }
    let rule = bytes.get(infos + types * 6 + chars + leap * 12 + std + utc..)?;
    let rule = rule.strip_prefix(b"\n")?.strip_suffix(b"\n")?;
    // Some zones have none.
    if !rule.is_empty() {
        let last = transitions.last().map(|(at, _)| *at);
        transitions.extend(Rule::parse(std::str::from_utf8(rule).ok()?)?.changes(last));
    }
    Some(Zone::new(offset(0)?, transitions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_of_the_machine_has_its_summer_time() {
        if !Path::new("/usr/share/zoneinfo/Europe/Berlin").exists() {
            eprintln!("SKIPPED: this machine has no time zone database");
            return;
        }
        let berlin = zone("Europe/Berlin").unwrap();
        let hour = 3_600_000_000;
        // 2024-01-15T12:00Z and 2024-07-15T12:00Z.
        assert_eq!(berlin.local(1_705_320_000_000_000) - 1_705_320_000_000_000, hour);
        assert_eq!(berlin.local(1_721_044_800_000_000) - 1_721_044_800_000_000, 2 * hour);
        // 2050-01-15T12:00Z and 2050-07-15T12:00Z, behind the last change that any file lists.
        assert_eq!(berlin.offset(2_525_860_800_000_000), hour);
        assert_eq!(berlin.offset(2_541_499_200_000_000), 2 * hour);
        assert!(zone("Nowhere/Land").is_err());
        assert!(zone("../../etc/passwd").is_err());
    }

    #[test]
    fn a_damaged_zone_file_is_no_zone() {
        for length in 0..44 {
            assert!(zone_file(&b"TZif2".iter().copied().chain([0; 60]).take(length).collect::<Vec<_>>()).is_none());
        }
    }
}

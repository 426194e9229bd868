//! Dead letters as they lie in the log and in `dead/SOURCE.jsonl`.

use flow_core::json::write_string;
use flow_core::text::write_base64;
use flow_operators::operator::DeadLetter;

use crate::data::UNPLACED;

/// One line: `{reason,detail,flow,partition,offset,raw}`, `raw` in base64; null where the bytes are no longer at hand. It
/// has at most about `most` bytes: of a record that is too long for that, `raw` holds the beginning, and `detail` says so.
#[must_use]
pub fn letter(letter: &DeadLetter, source: &str, raw: Option<&[u8]>, most: usize) -> Vec<u8> {
    let detail = if letter.detail.is_empty() { source } else { &letter.detail };
    // Three bytes are four letters; quotes and backslashes of the detail are escaped.
    let room = most.saturating_sub(detail.len() * 2 + OTHER_BYTES) / 4 * 3;
    match raw {
        Some(raw) if raw.len() > room => {
            let detail = format!("{detail}; `raw` holds the first {room} of the record's {} bytes", raw.len());
            line(letter, &detail, raw.get(..room))
        }
        raw => line(letter, detail, raw),
    }
}

/// What a letter has besides its detail and its raw bytes, and a little more.
const OTHER_BYTES: usize = 4096;

fn line(letter: &DeadLetter, detail: &str, raw: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut text = |name: &str, value: &str| {
        out.push(if out.is_empty() { b'{' } else { b',' });
        write_string(&mut out, name);
        out.push(b':');
        write_string(&mut out, value);
    };
    text("reason", letter.reason.code());
    text("detail", detail);
    text("flow", &letter.flow);
    let origin = letter.order.event_origin();
    let partition = if origin.partition == UNPLACED { 0 } else { origin.partition };
    out.extend_from_slice(
        format!(",\"partition\":{},\"offset\":{},\"raw\":", partition, letter.order.offset).as_bytes(),
    );
    match raw {
        Some(raw) => {
            out.push(b'"');
            write_base64(&mut out, raw);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests {
    use flow_core::batch::Origin;
    use flow_core::fault::Fault;
    use flow_operators::operator::Reason;
    use flow_operators::order::Order;

    use super::*;

    fn written(partition: u32, detail: &str, raw: Option<&[u8]>) -> String {
        let order = Order { arrived: 5, origin: Origin { source: 0, partition }, offset: 7 };
        let dead =
            DeadLetter { flow: "sales".into(), order, reason: Reason::Fault(Fault::Malformed), detail: detail.into() };
        String::from_utf8(letter(&dead, "sales", raw, 1 << 20)).unwrap()
    }

    #[test]
    fn of_a_record_that_no_log_takes_whole_the_beginning_is_told() {
        let order = Order { arrived: 5, origin: Origin { source: 0, partition: 0 }, offset: 7 };
        let dead = DeadLetter { flow: "sales".into(), order, reason: Reason::Late, detail: "\"late\"".into() };
        for most in [5_000, 5_001, 5_002, 5_003, 8_192] {
            let raw = vec![b'x'; 10_000];
            let long = letter(&dead, "sales", Some(&raw), most);
            assert!(long.len() <= most, "{} of {most}", long.len());
            let long: serde_json::Value = serde_json::from_slice(&long).unwrap();
            let kept = long["raw"].as_str().unwrap().trim_end_matches('=').len() * 3 / 4;
            let detail = format!("\"late\"; `raw` holds the first {kept} of the record's 10000 bytes");
            assert_eq!(long["detail"], detail);
            assert!(kept > 0);
            let whole: serde_json::Value =
                serde_json::from_slice(&letter(&dead, "sales", Some(&raw[..kept]), most)).unwrap();
            assert_eq!(whole["detail"], "\"late\"", "what fits is whole");
        }
    }

    #[test]
    fn a_letter_says_what_is_wrong_with_which_bytes_where() {
        assert_eq!(
            written(2, "expected `}` at byte \"1\"", Some(b"{\xff")),
            r#"{"reason":"malformed","detail":"expected `}` at byte \"1\"","flow":"sales","partition":2,"offset":7,"raw":"e/8="}"#
        );
        assert_eq!(
            written(UNPLACED, "", None),
            r#"{"reason":"malformed","detail":"sales","flow":"sales","partition":0,"offset":7,"raw":null}"#
        );
    }
}

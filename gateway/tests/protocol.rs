//! `docs/protocol.md` says what the code does, where a machine can tell.

use fanwire::close::CloseReason;
use fanwire::codes::CODES;
use fanwire::config;
use std::path::Path;

/// CLOSE-NAMED: the documented table of closes is the one in the code.
#[test]
fn the_close_table_is_the_documented_one() {
    let section = section("## 15. Closes");
    let mut documented: Vec<(u16, String, bool)> = rows(&section).map(|cells| close_of(&cells)).collect();
    let in_code = CloseReason::ALL.map(|reason| {
        let row = reason.row();
        (row.code, row.word.to_owned(), row.may_return)
    });
    let mut in_code = in_code.to_vec();
    documented.sort();
    in_code.sort();
    assert_eq!(documented, in_code);
}

fn close_of(cells: &[String]) -> (u16, String, bool) {
    let may_return = match cells[2].split(',').next() {
        Some("yes") => true,
        Some("no") => false,
        _ => panic!("{cells:?}: yes or no?"),
    };
    (cells[0].parse().unwrap(), cells[1].trim_matches('`').to_owned(), may_return)
}

/// The documented table of errors names every code, and none that is not there.
#[test]
fn the_error_table_is_the_documented_one() {
    let section = section("## 14. Errors");
    let cells = rows(&section).map(|cells| cells[0].clone());
    let mut documented: Vec<String> =
        cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()).collect();
    let mut in_code = CODES.to_vec();
    documented.sort();
    in_code.sort();
    assert_eq!(documented, in_code);
}

/// BOUNDED: the limits that clients meet have the defaults that the documentation says.
#[test]
fn the_limits_are_the_documented_ones() {
    let example: toml::Value = toml::from_str(config::DEMO).unwrap();
    let section = section("## 16. Limits that clients meet");
    let mut seen = 0;
    for cells in rows(&section) {
        let keys = cells[0].split('`').skip(1).step_by(2).map(|key| key.strip_prefix("limits.").unwrap());
        let values: Vec<&str> = cells[1].split(", ").collect();
        for (key, value) in keys.zip(values) {
            let default = example["limits"][key].as_integer().unwrap();
            assert_eq!(amount(value, key), default, "limits.{key}: {value}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} limits found in {section}");
}

/// `64 KiB`, `10 s`, `15,000`, in the unit of the key.
fn amount(text: &str, key: &str) -> i64 {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number: i64 = number.replace(',', "").parse().unwrap();
    match unit {
        "" => number,
        "KiB" => number << 10,
        "MiB" => number << 20,
        "s" if key.ends_with("_ms") => number * 1_000,
        "s" => number,
        _ => panic!("{text:?} has an unknown unit"),
    }
}

/// From a heading to the next one.
fn section(heading: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}"));
    rest.split("\n## ").next().unwrap().to_owned()
}

/// The cells of each row of the section's table, without its head.
fn rows(section: &str) -> impl Iterator<Item = Vec<String>> + '_ {
    let table = section.lines().filter(|line| line.starts_with('|')).skip(2);
    table.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
}

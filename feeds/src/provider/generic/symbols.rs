//! The symbols of a feed: canonical names, and what the provider calls them.

use super::table::{Table, kind};
use std::collections::HashMap;

#[derive(Clone, Debug, Default)]
pub(super) struct Symbols {
    listed: Vec<Listed>,
    /// What the provider says → the canonical name; also of names that are not listed.
    canonical: HashMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub canonical: String,
    /// The name that requests are made with.
    pub native: String,
}

impl Symbols {
    /// Reads `symbols` and `aliases` of the feed.
    pub(super) fn read(feed: &mut Table<'_>) -> Symbols {
        let names = feed.texts("symbols");
        for (n, name) in names.iter().enumerate().filter(|(n, name)| names[..*n].contains(name)) {
            feed.problem_at(format!("{}[{n}]", feed.key("symbols")), format!("{name:?} stands there twice"));
        }
        let aliases = feed.table("aliases").map(|table| read_aliases(&table)).unwrap_or_default();
        let native =
            |name: &str| aliases.iter().find(|(canonical, _)| canonical == name).map(|(_, native)| native.clone());
        let listed =
            |name: &&str| Listed { canonical: (*name).to_owned(), native: native(name).unwrap_or((*name).to_owned()) };
        let canonical = aliases.iter().map(|(canonical, native)| (native.clone(), canonical.clone())).collect();
        Symbols { listed: names.iter().map(listed).collect(), canonical }
    }

    pub(super) fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// The canonical name for what the provider says, which may be the same.
    pub(super) fn canonical<'a>(&'a self, native: &'a str) -> &'a str {
        self.canonical.get(native).map_or(native, String::as_str)
    }

    /// False for a symbol that nobody asked for; where none is listed, all are welcome.
    pub(super) fn welcomes(&self, canonical: &str) -> bool {
        self.listed.is_empty() || self.listed.iter().any(|listed| listed.canonical == canonical)
    }
}

/// `canonical = "native"`, or a list of which the first is for requests.
fn read_aliases(table: &Table<'_>) -> Vec<(String, String)> {
    let mut aliases: Vec<(String, String)> = Vec::new();
    for (canonical, value) in table.entries() {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for item in items {
            let Some(native) = item.as_str() else {
                table.problem(canonical, format!("must be what the provider calls it, or a list, not {}", kind(item)));
                continue;
            };
            if let Some((other, _)) = aliases.iter().find(|(_, known)| known == native) {
                table.problem(canonical, format!("{native:?} is an alias of {other:?} already"));
            }
            aliases.push((canonical.to_owned(), native.to_owned()));
        }
    }
    aliases
}

//! Names and patterns: taken exactly if the grammar has them, and matched as a reader of the grammar would.

use feeds::model::{Pattern, Topic, TopicError, token};

/// The input is a pattern and, on the next line, a name.
pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, name) = text.split_once('\n').unwrap_or((&text, &text));
    let topic = check_name(name);
    check_made_of(name);
    let read = Pattern::new(pattern);
    assert_eq!(read.is_ok(), is_pattern(pattern), "{pattern:?}: {read:?}");
    let Ok(read) = read else { return };
    assert_eq!(read.as_str(), pattern);
    assert_eq!(read.is_exact(), Topic::new(pattern).is_ok(), "{pattern:?}");
    if let Some(topic) = topic {
        assert_eq!(read.matches(topic.as_str()), covers(pattern, topic.as_str()), "{pattern:?} over {name:?}");
        assert!(!read.is_exact() || read.matches(topic.as_str()) == (pattern == name), "{pattern:?} over {name:?}");
        assert!(Pattern::new(">").is_ok_and(|all| all.matches(topic.as_str())), "{name:?}");
    }
}

fn check_name(name: &str) -> Option<Topic> {
    let read = Topic::new(name);
    assert_eq!(read.is_ok(), is_pattern(name) && !name.contains(['*', '>']), "{name:?}: {read:?}");
    let topic = read.ok()?;
    assert_eq!(topic.as_str(), name);
    assert_eq!(Some(topic.head()), name.split('.').next());
    Some(topic)
}

/// Native symbols become names, whatever they hold, unless there is too much or nothing of them.
fn check_made_of(native: &str) {
    let made = token(native);
    assert_eq!(made.chars().count(), native.chars().count());
    match Topic::of(&["head", native]) {
        Ok(topic) => assert_eq!(topic.as_str(), format!("head.{made}")),
        Err(TopicError::Empty) => assert!(native.is_empty()),
        Err(error) => assert_eq!((error, made.len() > 195), (TopicError::TooLong, true)),
    }
}

fn is_pattern(text: &str) -> bool {
    let tokens: Vec<&str> = text.split('.').collect();
    let word = |token: &str| !token.is_empty() && token.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let fits = |at: usize, token: &str| word(token) || token == "*" || (token == ">" && at + 1 == tokens.len());
    text.len() <= 200 && tokens.len() <= 16 && tokens.iter().enumerate().all(|(at, token)| fits(at, token))
}

/// Whether the pattern covers the name.
pub fn covers(pattern: &str, name: &str) -> bool {
    fn rest(pattern: &[&str], name: &[&str]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([">"], name) => !name.is_empty(),
            ([want, pattern @ ..], [have, name @ ..]) => (*want == "*" || want == have) && rest(pattern, name),
            _ => false,
        }
    }
    let split = |text| -> Vec<_> { str::split(text, '.').collect() };
    rest(&split(pattern), &split(name))
}

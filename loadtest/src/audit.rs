//! The last proof of a run: what each audited subscriber holds is what the gateway's snapshots say.

use crate::client::Fleet;
use crate::client::ledger::Newest;
use crate::client::poll;
use crate::client::query::Query;
use crate::scan::{scan, whole};
use crate::workload::{Transport, Workload};
use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

/// Topics asked for at a time: their names fit a request line.
const TOPICS_AT_ONCE: usize = 200;
/// Longest time until the gateway answers.
const ANSWER_TIME: Duration = Duration::from_secs(20);

/// Compares what the fleet holds with each target's snapshots. Nothing may be published meanwhile.
pub fn audit(fleet: &Fleet, workload: &Workload, targets: &[SocketAddrV4]) -> anyhow::Result<()> {
    for (number, &target) in targets.iter().enumerate() {
        let newest = newest(workload, target).context("the snapshots to compare with")?;
        if let Some(violation) = fleet.first_unlike(number, &newest) {
            return Err(violation.into());
        }
    }
    Ok(())
}

/// What a target's snapshots tell of all topics.
pub fn newest(workload: &Workload, target: SocketAddrV4) -> anyhow::Result<Newest> {
    let mut socket = TcpStream::connect(target)?;
    socket.set_read_timeout(Some(ANSWER_TIME))?;
    let (mut newest, mut heard) = (Newest::new(), Vec::new());
    let names: Vec<String> = (0..workload.topics).map(|topic| workload.topic(topic)).collect();
    for names in names.chunks(TOPICS_AT_ONCE) {
        let request = Query::new(&names.join(","), 0).request(Transport::Polling, None);
        socket.write_all(request.as_bytes())?;
        heard.clear();
        while !take(workload, &heard, &mut newest)? {
            let mut buffer = [0; 64 * 1024];
            match socket.read(&mut buffer)? {
                0 => bail!("the gateway ended the connection"),
                length => heard.extend_from_slice(&buffer[..length]),
            }
        }
    }
    Ok(newest)
}

/// Takes an answer, if it is whole.
fn take(workload: &Workload, heard: &[u8], newest: &mut Newest) -> anyhow::Result<bool> {
    let Some(answer) = poll::next(heard)? else { return Ok(false) };
    let mut messages = answer.body.map_or(&b""[..], |body| body.messages);
    while let Some((json, rest)) = poll::split(messages) {
        let message = scan(json).context("no message of protocol v1")?;
        let number = message.topic.strip_prefix(workload.prefix().as_bytes()).and_then(whole);
        let (number, seq) = number.zip(message.seq).context("a snapshot of another topic, or without a seq")?;
        newest.insert(number as u32, (seq, message.data.to_vec()));
        messages = rest;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_when_it_is_whole() {
        let body =
            r#"{"cursor":"e:9","messages":[{"t":"snap","topic":"trade.load.0","seq":7,"why":"subscribe","data":[1]}]}"#;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let (workload, mut newest) = (Workload::of_one_topic(), Newest::new());
        assert!(!take(&workload, &answer.as_bytes()[..80], &mut newest).unwrap());
        assert!(take(&workload, answer.as_bytes(), &mut newest).unwrap());
        assert_eq!(newest[&0], (7, b"[1]".to_vec()));
    }
}

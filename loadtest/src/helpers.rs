//! Client processes beside this one, which take their share of the subscribers: a process may hold only so many
//! descriptors, and has only one thread that reads.
//!
//! A helper is told its assignment on its standard input, says that its subscribers are open, is told when publishing
//! begins, and says at the end what they received: one line of JSON each. Clocks are monotonic, so that all processes of
//! a machine share them.

use crate::audience::{Group, Share};
use crate::audit::audit;
use crate::child::{launch, own_program};
use crate::client::tally::Tally;
use crate::client::{Fleet, Invitation};
use crate::clock::now_ns;
use crate::course::{self, Look, Looks};
use crate::measure::attend;
use crate::stage::Stage;
use crate::workload::Workload;
use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};
use std::net::SocketAddrV4;
use std::process::{Child, Stdio};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Longest time until a helper says the next thing, beyond the length of the run.
const WORD_TIME: Duration = Duration::from_secs(90);

/// What a helper is to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct Assignment {
    pub workload: Workload,
    pub groups: Vec<Group>,
    pub targets: Vec<SocketAddrV4>,
    pub share: Share,
    /// The targets answer plain polls, which are compared with what is held.
    pub audits: bool,
}

/// What came of a process's share.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub looks: Vec<Look>,
    /// By group.
    pub tallies: Vec<Tally>,
    pub open_ns: u64,
    pub audited: usize,
}

impl Outcome {
    /// Of a fleet that has received all.
    pub fn of(fleet: Fleet, looks: Vec<Look>) -> Outcome {
        let audited = fleet.audited();
        Outcome { looks, tallies: fleet.tallies, open_ns: fleet.open_ns, audited }
    }

    /// What others received comes on top.
    pub fn add(&mut self, others: Vec<Outcome>) {
        for other in others {
            course::add(&mut self.looks, &other.looks);
            self.tallies.iter_mut().zip(&other.tallies).for_each(|(tally, other)| tally.add(other));
            self.open_ns = self.open_ns.max(other.open_ns);
            self.audited += other.audited;
        }
    }
}

/// What a helper says.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    Open,
    Done(Outcome),
    Failed(String),
}

/// The other processes of a run.
#[derive(Debug, Default)]
pub struct Helpers(Vec<Helper>);

#[derive(Debug)]
struct Helper {
    child: Child,
    words: Receiver<String>,
}

impl Helpers {
    /// Starts them. They open their subscribers at once.
    pub fn start(stage: &Stage, assignment: impl Fn(Share) -> Assignment) -> anyhow::Result<Helpers> {
        let mut helpers = Helpers::default();
        let processes = stage.client_processes;
        for process in 1..processes {
            let cpu = stage.cpu_of_helper(process - 1);
            let (child, words) = launch(cpu, &own_program()?, &["attend"], Stdio::piped())?;
            helpers.0.push(Helper { child, words });
            let line = serde_json::to_string(&assignment(Share { process, processes }))?;
            helpers.tell(process - 1, &line)?;
        }
        Ok(helpers)
    }

    pub fn pids(&self) -> Vec<u32> {
        self.0.iter().map(|helper| helper.child.id()).collect()
    }

    pub fn await_open(&self) -> anyhow::Result<()> {
        self.0.iter().try_for_each(|helper| match helper.next()? {
            Word::Open => Ok(()),
            other => bail!("a client process said {other:?} before its subscribers were open"),
        })
    }

    /// Publishing begins at that time.
    pub fn begin(&mut self, start_ns: u64) -> anyhow::Result<()> {
        (0..self.0.len()).try_for_each(|helper| self.tell(helper, &start_ns.to_string()))
    }

    fn tell(&mut self, helper: usize, line: &str) -> anyhow::Result<()> {
        let input = self.0[helper].child.stdin.as_mut().context("a client process's input")?;
        writeln!(input, "{line}").context("a client process has ended")
    }

    /// What they received, once all of it has arrived.
    pub fn finish(mut self) -> anyhow::Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for helper in &mut self.0 {
            match helper.next()? {
                Word::Done(outcome) => outcomes.push(outcome),
                Word::Open => bail!("a client process said twice that it is open"),
                Word::Failed(failure) => return Err(anyhow!(failure)),
            }
            helper.child.wait()?;
        }
        Ok(outcomes)
    }
}

impl Helper {
    fn next(&self) -> anyhow::Result<Word> {
        let line = self.words.recv_timeout(WORD_TIME).context("a client process says nothing")?;
        match serde_json::from_str(&line).with_context(|| format!("a client process said {line:?}"))? {
            Word::Failed(failure) => Err(anyhow!(failure)),
            word => Ok(word),
        }
    }
}

impl Drop for Helpers {
    fn drop(&mut self) {
        for helper in &mut self.0 {
            // It has ended already, if all went well.
            let _ = helper.child.kill();
            let _ = helper.child.wait();
        }
    }
}

/// The helper's side: reads its assignment from `input`, and says what came of it.
pub fn help(input: &mut impl BufRead, output: &mut impl Write) -> anyhow::Result<()> {
    let word = match run(input, output) {
        Ok(outcome) => Word::Done(outcome),
        Err(error) => Word::Failed(format!("{error:#}")),
    };
    say(output, &word)
}

fn run(input: &mut impl BufRead, output: &mut impl Write) -> anyhow::Result<Outcome> {
    let Assignment { workload, groups, targets, share, audits } = serde_json::from_str(&line(input)?)?;
    let (groups, targets) = (&groups[..], &targets[..]);
    let invitation = Invitation { workload: &workload, groups, targets, share, narrow: 0 };
    let mut fleet = Fleet::open(&invitation, |_| {})?;
    say(output, &Word::Open)?;
    let start_ns = line(input)?.trim().parse().context("the start of publishing")?;
    let mut looks = Looks::default();
    attend(
        &workload,
        groups,
        start_ns,
        &mut fleet,
        |until_ns, fleet| fleet.run_until(until_ns),
        |fleet| {
            looks.take(now_ns(), &fleet.total());
            Ok(())
        },
    )?;
    if audits {
        audit(&fleet, &workload, targets)?;
    }
    Ok(Outcome::of(fleet, looks.taken))
}

fn line(input: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line).context("the standard input")?;
    Ok(line)
}

fn say(output: &mut impl Write, word: &Word) -> anyhow::Result<()> {
    writeln!(output, "{}", serde_json::to_string(word)?)?;
    Ok(output.flush()?)
}

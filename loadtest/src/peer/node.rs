//! The peers that are npm packages: each a small server of ours around the package (`loadtest/peers/NAME/server.mjs`),
//! which takes the publisher's lines over one endless HTTP request.

use super::Running;
use super::message::{self, topic_name};
use crate::payload::Stamp;
use crate::publisher::{Inlet, Stream};
use crate::target::program::{Folder, Program, find, free_addresses};
use crate::target::{Setting, Target};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};

/// The word by which both servers say that a subscriber is subscribed.
pub const READY: &str = "ready";

fn folder_of(peer: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(peer)
}

/// The version of a package that is installed beside the server of `peer`.
pub fn version(peer: &str, package: &str) -> anyhow::Result<String> {
    ensure!(find("node").is_some(), "node is not installed");
    let manifest = folder_of(peer).join("node_modules").join(package).join("package.json");
    let text = std::fs::read_to_string(&manifest);
    let text = text.with_context(|| format!("{package} is not installed (loadtest/peers/install.sh)"))?;
    let manifest: Value = serde_json::from_str(&text).with_context(|| manifest.display().to_string())?;
    Ok(manifest["version"].as_str().unwrap_or("unknown").to_owned())
}

pub fn start(peer: &str, setting: &Setting) -> anyhow::Result<Running> {
    let path = find("node").context("node is not installed")?;
    let (folder, [address]) = (Folder::new(peer)?, free_addresses()?);
    let arguments = vec![folder_of(peer).join("server.mjs").into(), address.port().to_string().into()];
    let target = Target::program(setting, Program { path, arguments, folder, ports: vec![address] })?;
    Ok(Running { target, inlet: address, origin: None })
}

/// Lines `{"topic":…,"message":…}`.
pub struct Lines {
    stream: Stream,
    message_bytes: usize,
}

impl Lines {
    pub fn open(peer: SocketAddrV4, message_bytes: usize) -> anyhow::Result<Lines> {
        Ok(Lines { stream: Stream::open(peer)?, message_bytes })
    }
}

impl Inlet for Lines {
    fn write(&mut self, topic: usize, stamp: Stamp, out: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = write!(out, r#"{{"topic":"{}","message":"#, topic_name(topic));
        message::write(topic, stamp, self.message_bytes, out);
        out.extend_from_slice(b"}\n");
    }

    fn send(&mut self, written: &[u8]) -> anyhow::Result<()> {
        self.stream.send(written)
    }

    fn finish(&mut self, sent: u64) -> anyhow::Result<()> {
        let accepted = self.stream.finish()?;
        ensure!(accepted == sent, "the peer accepted {accepted} of {sent} messages");
        Ok(())
    }
}

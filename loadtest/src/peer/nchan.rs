//! nchan: the nginx module, one worker. A message is a POST to its channel; subscribers name their channels in one id.

use super::dialogue::{Bare, Dialogue, Events, WebSocket};
use super::message::topic_names;
use super::post::Posts;
use super::{Peer, Running, Way, debian_version};
use crate::publisher::Inlet;
use crate::target::program::{Folder, Program, find, free_addresses};
use crate::target::{Setting, Target};
use crate::workload::Workload;
use anyhow::Context;
use std::net::SocketAddrV4;
use std::path::Path;

#[derive(Debug)]
pub struct Nchan;

impl Peer for Nchan {
    fn name(&self) -> &'static str {
        "nchan"
    }

    fn ways(&self) -> &'static [Way] {
        &[Way::Websocket, Way::Sse]
    }

    fn version(&self) -> anyhow::Result<String> {
        let (nchan, nginx) = (debian_version("libnginx-mod-nchan")?, debian_version("nginx")?);
        find("nginx").context("nginx is not installed")?;
        Ok(format!("{nchan} in nginx {nginx}"))
    }

    fn start(&self, setting: &Setting, workload: &Workload) -> anyhow::Result<Running> {
        let path = find("nginx").context("nginx is not installed")?;
        let (folder, [address]) = (Folder::new("nchan")?, free_addresses()?);
        let config = folder.write("nginx.conf", &config(folder.path(), address, workload.subscribers))?;
        let arguments =
            vec!["-p".into(), folder.path().into(), "-c".into(), config.into(), "-e".into(), "stderr".into()];
        let target = Target::program(setting, Program { path, arguments, folder, ports: vec![address] })?;
        Ok(Running { target, inlet: address, origin: None })
    }

    fn subscriber(&self, way: Way, topics: &[u32]) -> Box<dyn Dialogue> {
        let path = format!("/sub?id={}", topic_names(topics));
        match way {
            Way::Websocket => Box::new(WebSocket::new(&path, Bare { ready_word: None })),
            _ => Box::new(Events::new(path)),
        }
    }

    fn inlet(&self, _way: Way, running: &Running, workload: &Workload) -> anyhow::Result<Box<dyn Inlet>> {
        Ok(Box::new(Posts::open(running.inlet, "/pub?id=", workload.data_bytes)?))
    }
}

/// What differs from its defaults: room for the subscribers, connections that are kept, no access log. `daemon off` and
/// the absence of `user` keep it our child.
fn config(folder: &Path, address: SocketAddrV4, subscribers: usize) -> String {
    let (folder, connections) = (folder.display(), subscribers * 2 + 500);
    format!(
        "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  nchan_shared_memory_size 256m;
  server {{
    listen {address} backlog=4096;
    location = /pub {{ nchan_publisher http; nchan_channel_id $arg_id; nchan_message_buffer_length 100; }}
    location = /sub {{
      nchan_subscriber websocket eventsource;
      nchan_channel_id $arg_id;
      nchan_channel_id_split_delimiter \",\";
      nchan_subscriber_first_message newest;
    }}
  }}
}}
",
        files = connections + 100
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Stamp;
    use crate::peer::fleet::tests::{head_of_upgrade, play};
    use crate::peer::message;

    #[test]
    fn event_streams() {
        let mut message = Vec::new();
        message::write(3, Stamp { k: 2, sent_ns: 7 }, 100, &mut message);
        let message = String::from_utf8(message).unwrap();
        let stream = format!(
            "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
             Connection: keep-alive\r\n\r\n: hi\n\nid: 1763877600:0\ndata: {message}\n\n"
        );
        let heard = play(Nchan.subscriber(Way::Sse, &[3]), &[3], stream.as_bytes());
        assert_eq!((heard.deliveries, heard.lost), (1, 0));
    }

    #[test]
    fn bare_frames() {
        let mut message = Vec::new();
        message::write(3, Stamp { k: 4, sent_ns: 7 }, 100, &mut message);
        let stream = [head_of_upgrade(), crate::client::websocket::server_frame(1, &message)].concat();
        let heard = play(Nchan.subscriber(Way::Websocket, &[3]), &[3], &stream);
        assert_eq!((heard.deliveries, heard.lost), (1, 2));
    }
}

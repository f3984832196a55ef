//! Whether the time of an answer tells what is not there from what is empty.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use sotto_protocol::id::{Board, LineId};

use crate::{
    clock,
    line::Line,
    measure::{Effort, Measured, Samples},
    process::{Server, Storage},
};

/// Timings of each side, in turns.
const TIMES: usize = 2_000;

/// What a stranger may ask for, of a line that is not there or beyond what is, beside the same of a line on
/// which nothing was written yet.
pub fn absent(effort: Effort) -> Vec<Measured> {
    let line = Line::make(7, 4);
    let relay = Server::relay(&line, Storage::Embedded);
    let mut stream = TcpStream::connect(relay.address).unwrap();
    stream.set_nodelay(true).unwrap();
    let (here, nowhere) = (line.pin.line, LineId([9; 16]));
    let page = |line: LineId, page: u32| {
        format!("/v1/{}/out/{}/{page}", line.to_text(), Board::New.name())
    };
    let inbox = |line: LineId| format!("/v1/{}/in?after=0.1.1", line.to_text());
    let pairs = [
        ("absent_line_vs_empty", page(nowhere, 1), page(here, 1)),
        ("absent_page_vs_empty", page(here, 60_000), page(here, 1)),
        ("absent_cursor_vs_empty", inbox(nowhere), inbox(here)),
    ];
    pairs
        .into_iter()
        .map(|(name, absent, empty)| difference(name, &mut stream, [absent, empty], effort))
        .collect()
}

/// How far the medians of both are apart, as a share of the second one.
fn difference(name: &str, stream: &mut TcpStream, paths: [String; 2], effort: Effort) -> Measured {
    let requests = paths.map(|path| format!("GET {path} HTTP/1.1\r\nhost: relay\r\n\r\n"));
    let mut samples = [const { Vec::new() }; 2];
    for round in 0..2 * TIMES / effort.scale {
        let side = round % 2;
        let begun = clock::now();
        stream.write_all(requests[side].as_bytes()).unwrap();
        read_answer(stream);
        samples[side].push(begun.elapsed().as_secs_f64() * 1e6);
    }
    let [absent, empty] = samples.map(Samples);
    Measured {
        name: name.to_owned(),
        values: Samples(vec![(absent.median() / empty.median() - 1.0).abs()]),
        ours: absent,
        peer: empty,
        unit: "us until the answer is here".to_owned(),
    }
}

fn read_answer(stream: &mut TcpStream) {
    let mut answer = Vec::new();
    let mut piece = [0; 16_384];
    loop {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the relay hung up");
        answer.extend_from_slice(&piece[..count]);
        if let Some(length) = whole(&answer)
            && answer.len() >= length
        {
            return;
        }
    }
}

/// Bytes of an answer, once its head is here.
fn whole(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(answer.get(..head)?).ok()?;
    let mut lines = text.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "))?;
    Some(head + length.parse::<usize>().ok()?)
}

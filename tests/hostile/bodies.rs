//! Bodies that drip or never end, and answers that nobody reads.

use sotto_protocol::limits::CHUNK_BYTES;
use tokio::io::AsyncWriteExt as _;

use super::ground::{BOUNDS, CONNECTIONS, Ground, resident, rest};

/// Far more slow bodies than there are turns: each holds its connection and nothing else.
#[test]
fn slow_bodies_take_nobodys_turn() {
    let ground = Ground::prepare(CONNECTIONS);
    ground.world.block_on(async {
        let head = ground.head(&format!("content-length: {CHUNK_BYTES}\r\n"));
        let mut slow = Vec::new();
        for _ in 0..BOUNDS.in_flight * 8 {
            slow.push(ground.say(format!("{head}begun").as_bytes()).await);
        }
        for number in 0..20 {
            ground.post(number).await;
        }
        for stream in &mut slow {
            let said = rest(stream).await;
            assert!(said.starts_with("HTTP/1.1 408"), "{said}");
        }
        ground.post(20).await;
    });
}

#[test]
fn a_body_without_end_is_cut_off() {
    let ground = Ground::prepare(CONNECTIONS);
    ground.world.block_on(async {
        let head = ground.head("transfer-encoding: chunked\r\n");
        let mut stream = ground.say(head.as_bytes()).await;
        let chunk = [b"1000\r\n".as_slice(), &[7; 4_096], b"\r\n"].concat();
        let mut sent = 0;
        while stream.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
            assert!(sent < 64 << 20, "it takes everything");
        }
        // In chunks of one byte with an extension that says nothing.
        let mut stream = ground.say(head.as_bytes()).await;
        let chunk = format!("1;{}\r\nx\r\n", "y".repeat(1_000)).repeat(16);
        let mut sent = 0;
        while stream.write_all(chunk.as_bytes()).await.is_ok() {
            sent += chunk.len();
            assert!(sent < 64 << 20, "it takes everything");
        }
        ground.post(1).await;
    });
}

/// Requests for page after page, of which nobody reads an answer.
#[test]
fn pipelining_without_reading_fills_nothing() {
    let ground = Ground::prepare(CONNECTIONS);
    ground.world.block_on(async {
        let line = ground.line.to_text();
        let request = format!("GET /v1/{line}/out/new/1 HTTP/1.1\r\nhost: x\r\n\r\n");
        let flood = request.repeat(10_000).into_bytes();
        ground.post(1).await;
        let before = resident();
        let mut flooding = Vec::new();
        for _ in 0..40 {
            let mut stream = ground.say(b"").await;
            // As much as the relay takes at once: then it waits for somebody to read.
            while let Ok(writable) = stream.try_write(&flood) {
                assert!(writable > 0);
            }
            stream.flush().await.unwrap();
            flooding.push(stream);
        }
        for number in 2..20 {
            ground.post_in_the_end(number).await;
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 64 << 20, "{grown} bytes for 40 connections");
        drop(flooding);
    });
}

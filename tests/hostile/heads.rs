//! Heads that are slow, large, many, or mean two things.

use tokio::io::AsyncWriteExt as _;

use super::ground::{CONNECTIONS, Ground, envelope, rest};

#[test]
fn heads_have_a_size() {
    let ground = Ground::prepare(CONNECTIONS);
    ground.world.block_on(async {
        let long = ground.head(&format!("x: {}\r\n", "y".repeat(100_000)));
        let many = "x: y\r\n".repeat(500);
        let target = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000));
        for text in [long, ground.head(&many), target] {
            let answer = ground.answers(text.as_bytes()).await;
            let is_refused =
                answer.starts_with("HTTP/1.1 431") || answer.starts_with("HTTP/1.1 414");
            assert!(is_refused || answer.is_empty(), "{answer}");
        }
        ground.post(1).await;
    });
}

/// A front that forwards what another server would read otherwise is how requests are smuggled.
#[test]
fn a_request_that_means_two_things_is_refused_or_read_as_the_standard_says() {
    let ground = Ground::prepare(CONNECTIONS);
    ground.world.block_on(async {
        let line = ground.line.to_text();
        for more in [
            "content-length: 5\r\ncontent-length: 6\r\n",
            "content-length: 5, 6\r\n",
            "content-length: +5\r\n",
            "content-length: 0x5\r\n",
            "content-length : 5\r\n",
            "transfer-encoding: gzip\r\n",
            "transfer-encoding: chunked, identity\r\n",
            "transfer-encoding: xchunked\r\n",
        ] {
            let text = format!("{}GET /{line}/x HTTP/1.1\r\n\r\n", ground.head(more));
            let answer = ground.answers(text.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400"), "{more}{answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{more}{answer}");
        }
        // Both, in either order: the chunks count (RFC 9112, 6.3), never the length.
        for more in [
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        ] {
            let head = ground.head(&format!("connection: close\r\n{more}"));
            let body = envelope(9);
            let text = [
                format!("{head}{:x}\r\n", body.len()).as_bytes(),
                &body,
                b"\r\n0\r\n\r\n",
            ]
            .concat();
            let answer = ground.answers(&text).await;
            let is_whole = answer.starts_with("HTTP/1.1 204");
            assert!(is_whole || answer.starts_with("HTTP/1.1 400"), "{answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1);
        }
    });
}

/// The listener speaks HTTP/1.1 only: rapid reset and floods of CONTINUATION have nothing to hold on to.
#[test]
fn the_preface_of_http_2_is_hung_up_on() {
    let ground = Ground::prepare(CONNECTIONS);
    ground.world.block_on(async {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let answer = ground.answers(preface).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        // Nor does it change over when asked to.
        let upgrade = "connection: close, upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\ncontent-length: 0\r\n";
        let answer = ground.answers(ground.head(upgrade).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    });
}

#[test]
fn a_head_that_drips_is_hung_up_on_in_time() {
    let ground = Ground::prepare(CONNECTIONS);
    ground.world.block_on(async {
        let mut stream = ground.say(ground.head("").trim_end().as_bytes()).await;
        let mut lines = 0;
        // One more line whenever there is time, as slowly as it is still allowed.
        while stream
            .write_all(format!("\r\nx{lines}: y").as_bytes())
            .await
            .is_ok()
        {
            lines += 1;
            tokio::time::sleep(CONNECTIONS.head / 8).await;
            assert!(lines < 40, "not hung up on");
        }
        let said = rest(&mut stream).await;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 408"),
            "{said}"
        );
        ground.post(1).await;
    });
}

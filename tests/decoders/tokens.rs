//! Tokens, and what they are asked for and bought with.

use sotto_protocol::{
    limits::{TOKEN_BATCH, TOKEN_BLIND_BYTES, TOKEN_BYTES},
    token::{
        Token,
        batch::{Requested, TokenRequest, signatures},
        work::{WorkChallenge, WorkProof},
    },
};

use super::objects::Object;

fn token(bytes: &[u8]) -> Option<Vec<u8>> {
    let token = Token::from_bytes(bytes).ok()?;
    assert_eq!(Token::from_header(&token.to_header()).as_ref(), Ok(&token));
    Some(token.as_bytes().to_vec())
}

fn request(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(Requested::from_bytes(bytes).ok()?.to_bytes())
}

fn answer(bytes: &[u8]) -> Option<Vec<u8>> {
    let signed: Vec<Vec<u8>> = signatures(bytes)
        .ok()?
        .iter()
        .map(|one| one.to_vec())
        .collect();
    Some(Requested::Batch(Vec::new()).answer(&signed))
}

fn challenge(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(WorkChallenge::from_bytes(bytes).ok()?.to_bytes())
}

fn proof(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    Some(WorkProof::from_header(text).ok()?.to_header().into())
}

pub(super) fn binary() -> Vec<Object> {
    let one = TokenRequest {
        truncated_key_id: 9,
        blinded: [7; TOKEN_BLIND_BYTES],
    };
    let batch = Requested::Batch(vec![one.clone(); TOKEN_BATCH]);
    let mut spent = vec![5; TOKEN_BYTES];
    spent[..2].copy_from_slice(&[0, 2]);
    let asked = WorkChallenge {
        tries: 128,
        kib: 4_096,
        begins: 1_795_491_000,
        mac: [3; 32],
    };
    let done = WorkProof {
        challenge: asked,
        nonce: [4; 16],
    };
    let signed = vec![vec![6; TOKEN_BLIND_BYTES]; TOKEN_BATCH];
    vec![
        ("token", token, spent),
        ("request for a token", request, one.to_bytes()),
        ("request for tokens", request, batch.to_bytes()),
        ("answer with tokens", answer, batch.answer(&signed)),
        ("challenge for work", challenge, asked.to_bytes()),
        ("proof of work", proof, done.to_header().into()),
    ]
}

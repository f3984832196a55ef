//! Published vectors of RFC 9578, token type 2, and of the draft on batches.

use blind_rsa_signatures::{Deterministic, PSS, PublicKey, SecretKey, Sha384, Signature};
use ring::signature::{RSA_PSS_2048_8192_SHA384, UnparsedPublicKey};
use serde_json::Value;
use sotto_protocol::{
    hash,
    token::{
        Token, TokenChallenge,
        batch::{Requested, TokenRequest, signatures},
        purchase::Purchase,
    },
};

use super::{Scripted, hex, load};

type Public = PublicKey<Sha384, PSS, Deterministic>;
type Private = SecretKey<Sha384, PSS, Deterministic>;

/// Field `name` of a vector, as either source spells it.
fn field(vector: &Value, names: [&str; 2]) -> Vec<u8> {
    hex(names.iter().find_map(|name| vector.get(name)).unwrap())
}

fn secret(vector: &Value) -> Private {
    let pem = field(vector, ["sk_s", "skS"]);
    Private::from_pem(std::str::from_utf8(&pem).unwrap()).unwrap()
}

fn spki(vector: &Value) -> Vec<u8> {
    field(vector, ["pk_s", "pkS"])
}

/// The challenge of a vector, taken apart and put together again.
fn challenge(vector: &Value) -> TokenChallenge {
    let bytes = hex(&vector["token_challenge"]);
    let (kind, rest) = bytes.split_first_chunk().unwrap();
    assert_eq!(u16::from_be_bytes(*kind), 2);
    let take = |rest: &mut &[u8], length: usize| {
        let (head, tail) = rest.split_at(length);
        *rest = tail;
        head.to_vec()
    };
    let mut rest = rest;
    let length = usize::from(u16::from_be_bytes(take(&mut rest, 2).try_into().unwrap()));
    let issuer_name = take(&mut rest, length);
    let length = usize::from(take(&mut rest, 1)[0]);
    let redemption_context = take(&mut rest, length);
    let length = usize::from(u16::from_be_bytes(take(&mut rest, 2).try_into().unwrap()));
    let challenge = TokenChallenge {
        issuer_name,
        redemption_context,
        origin_info: take(&mut rest, length),
    };
    assert_eq!(challenge.to_bytes(), bytes);
    challenge
}

/// Everything there is to know of a token, and that others would take it.
fn check_token(vector: &Value) {
    let token = Token::from_bytes(&hex(&vector["token"])).unwrap();
    let (input, spki) = (token.input(), spki(vector));
    assert_eq!(input.nonce.to_vec(), hex(&vector["nonce"]));
    assert_eq!(input.challenge_digest, challenge(vector).digest());
    assert_eq!(input.key_id, hash::digest(&[&spki]));
    let (signed, signature) = token.parts();
    assert_eq!(input.to_bytes(), signed);
    let public = Public::from_spki(&spki).unwrap();
    assert_eq!(public.to_spki().unwrap(), spki);
    let owned = Signature(signature.to_vec());
    public.verify(&owned, None, signed).unwrap();
    // As the relay does it.
    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, &spki[72..]);
    key.verify(signed, signature).unwrap();
    assert!(key.verify(&[signed, b"x"].concat(), signature).is_err());
    assert_eq!(Token::from_header(&token.to_header()), Ok(token));
}

#[test]
fn tokens_of_rfc_9578() {
    for file in ["public_rs", "public_go"] {
        let vectors = load(&format!("privacypass/{file}.json"));
        let vectors = vectors.as_array().unwrap();
        assert_eq!(vectors.len(), 5);
        for vector in vectors {
            check_token(vector);
            let request = hex(&vector["token_request"]);
            let parsed = TokenRequest::from_bytes(&request).unwrap();
            assert_eq!(parsed.to_bytes(), request);
            let id = hash::digest(&[&spki(vector)]);
            assert_eq!(parsed.truncated_key_id, id[31]);
            let signed = secret(vector).blind_sign(parsed.blinded).unwrap();
            assert_eq!(signed.0, hex(&vector["token_response"]));
            let one = Requested::from_bytes(&request).unwrap();
            assert_eq!(one.to_bytes(), request);
            assert_eq!(one.answer(&[signed.0]), hex(&vector["token_response"]));
        }
    }
}

/// With the nonce, salt and blind of a vector a buyer makes its request and its token.
#[test]
fn a_buyer_makes_what_the_vectors_say() {
    for file in ["public_rs", "public_go"] {
        for vector in load(&format!("privacypass/{file}.json"))
            .as_array()
            .unwrap()
        {
            let (purchase, request) = buy(std::slice::from_ref(vector));
            let (one, _) = request.requests().split_first().unwrap();
            assert_eq!(one.to_bytes(), hex(&vector["token_request"]));
            let answer = request.answer(&[hex(&vector["token_response"])]);
            let tokens = purchase.finish(&answer).unwrap();
            assert_eq!(tokens[0].as_bytes().to_vec(), hex(&vector["token"]));
        }
    }
}

fn buy(vectors: &[Value]) -> (Purchase, Requested) {
    let draws = vectors.iter().flat_map(|vector| {
        let mut blind = hex(&vector["blind"]);
        // Numbers are drawn from their low end.
        blind.reverse();
        [hex(&vector["nonce"]), hex(&vector["salt"]), blind].concat()
    });
    let mut rng = Scripted(draws.collect());
    let (challenge, spki) = (challenge(&vectors[0]), spki(&vectors[0]));
    let purchase = Purchase::begin(&challenge, &spki, vectors.len(), &mut rng).unwrap();
    let request = Requested::from_bytes(purchase.request()).unwrap();
    (purchase, request)
}

#[test]
fn batches_of_the_draft() {
    let mut count = 0;
    for vector in load("privacypass/generic_go.json").as_array().unwrap() {
        let issued = vector["issuance"].as_array().unwrap();
        if issued.iter().any(|one| one["type"] != "0002") {
            continue;
        }
        count += 1;
        issued.iter().for_each(check_token);
        let (request, answer) = (
            hex(&vector["token_request"]),
            hex(&vector["token_response"]),
        );
        let batch = Requested::from_bytes(&request).unwrap();
        assert_eq!(batch.to_bytes(), request);
        let signed: Vec<Vec<u8>> = std::iter::zip(batch.requests(), issued)
            .map(|(one, by)| secret(by).blind_sign(one.blinded).unwrap().0)
            .collect();
        assert_eq!(batch.answer(&signed), answer);
        let read = signatures(&answer).unwrap();
        assert_eq!(read.as_flattened(), signed.concat());
    }
    assert_eq!(count, 2);
}

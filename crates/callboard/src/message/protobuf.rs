use callboard_core::payload::INLINE_LEN_MAX;
use callboard_core::{Code, Encoding, Name, Payload, TypeRef};

use super::Message;
use crate::CallError;

// A type that is no message is told how to become one, not what prost would need.
#[diagnostic::do_not_recommend]
impl<T: prost::Message + prost::Name + Default + 'static> Message for T {
    const TYPE: Option<TypeRef> =
        Some(TypeRef { name: Name::from_static(FullName::<T>::TEXT), encoding: Encoding::Protobuf });

    fn to_payload(&self) -> Result<Payload, CallError> {
        let (name, len) = (Name::from_static(FullName::<T>::TEXT), self.encoded_len());
        let mut few = [0; INLINE_LEN_MAX];
        if let Some(mut place) = few.get_mut(..len)
            && self.encode(&mut place).is_ok()
        {
            return Ok(Payload::copied(name, Encoding::Protobuf, few.get(..len).unwrap_or_default()));
        }
        Ok(Payload::new(name, Encoding::Protobuf, self.encode_to_vec()))
    }

    fn from_payload(payload: &Payload) -> Result<Self, CallError> {
        if payload.encoding() != Encoding::Protobuf {
            return Err(CallError::new(
                Code::InvalidPayload,
                format!("the payload is {}; this type is read from protobuf", super::shown(&payload.type_ref())),
            ));
        }
        // Fields of shared bytes go on sharing a large payload; of a small one a copy costs less than the sharing.
        let bytes = payload.bytes();
        let message = if bytes.len() <= COPIED_LEN_MAX { T::decode(bytes) } else { T::decode(payload.to_bytes()) };
        message.map_err(|error| {
            CallError::new(Code::InvalidPayload, format!("the payload is not a {}: {error}", FullName::<T>::TEXT))
        })
    }
}

const COPIED_LEN_MAX: usize = 1024;

// `prost::Name::full_name` allocates at each call; a name that is known to the compiler need not.
struct FullName<T>(std::marker::PhantomData<T>);

impl<T: prost::Name> FullName<T> {
    const LEN: usize = if T::PACKAGE.is_empty() { T::NAME.len() } else { T::PACKAGE.len() + 1 + T::NAME.len() };

    const BYTES: &'static [u8; 512] = &{
        assert!(Self::LEN <= 512, "the full name of a protobuf type has more than 512 bytes");
        let (package, name) = (T::PACKAGE.as_bytes(), T::NAME.as_bytes());
        let mut bytes = [0; 512];
        let mut at = 0;
        while at < package.len() {
            bytes[at] = package[at];
            at += 1;
        }
        if at > 0 {
            bytes[at] = b'.';
            at += 1;
        }
        let start = at;
        while at - start < name.len() {
            bytes[at] = name[at - start];
            at += 1;
        }
        bytes
    };

    const TEXT: &'static str = match std::str::from_utf8(Self::BYTES.split_at(Self::LEN).0) {
        Ok(text) => text,
        Err(_) => panic!("two valid texts joined are a valid text"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Bare {
        #[prost(uint32, tag = "1")]
        n: u32,
    }
    impl prost::Name for Bare {
        const NAME: &'static str = "Bare";
        const PACKAGE: &'static str = "";
    }

    #[test]
    fn a_protobuf_type_goes_by_its_full_name() {
        assert_eq!(<() as Message>::TYPE.unwrap().name, "google.protobuf.Empty");
        assert_eq!(<Bare as Message>::TYPE.unwrap().name, "Bare");
        let payload = Bare { n: 7 }.to_payload().unwrap();
        assert_eq!(super::super::read::<Bare>(&payload).unwrap().n, 7);
        let error = super::super::read::<String>(&payload).unwrap_err();
        assert_eq!(error.code(), Code::InvalidPayload);
        assert!(error.message().contains("Bare in protobuf, not google.protobuf.StringValue"), "{error}");
        assert!(().to_payload().unwrap().is_empty());
    }

    #[test]
    fn bytes_that_are_no_such_message_are_refused_with_the_reason() {
        let broken = Payload::new("Bare", Encoding::Protobuf, vec![0x08]);
        let error = super::super::read::<Bare>(&broken).unwrap_err();
        assert!(error.message().starts_with("the payload is not a Bare: "), "{error}");
        let json = Payload::new("Bare", Encoding::Json, "{}");
        assert!(Bare::from_payload(&json).unwrap_err().message().contains("Bare in JSON"));
    }
}

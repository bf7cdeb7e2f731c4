//! Positive controls: changes that break a reader are seen, and growth is none of them.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto,
};

use crate::contract::{breaks, contract};
use crate::current;

fn broken_by(change: impl FnOnce(&mut FileDescriptorSet)) -> Vec<String> {
    let old = current();
    let mut new = old.clone();
    change(&mut new);
    assert_ne!(old, new, "the change changes nothing");
    breaks(&contract(&old), &contract(&new))
}

fn message<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut DescriptorProto {
    set.file.iter_mut().flat_map(|file| &mut file.message_type).find(|message| message.name() == name).unwrap()
}

fn field<'a>(set: &'a mut FileDescriptorSet, of: &str, name: &str) -> &'a mut FieldDescriptorProto {
    message(set, of).field.iter_mut().find(|field| field.name() == name).unwrap()
}

fn enumeration<'a>(set: &'a mut FileDescriptorSet, name: &str) -> &'a mut EnumDescriptorProto {
    set.file.iter_mut().flat_map(|file| &mut file.enum_type).find(|of| of.name() == name).unwrap()
}

fn service(set: &mut FileDescriptorSet) -> &mut ServiceDescriptorProto {
    set.file.iter_mut().flat_map(|file| &mut file.service).find(|service| !service.method.is_empty()).unwrap()
}

fn breaks_once(change: impl FnOnce(&mut FileDescriptorSet), names: &str) {
    let broken = broken_by(change);
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].contains(names), "{broken:?}");
}

fn new_field(number: i32, name: &str) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::String.into()),
        ..FieldDescriptorProto::default()
    }
}

#[test]
fn a_removed_field_breaks() {
    breaks_once(|set| message(set, "Slice").field.retain(|field| field.name() != "realm"), "Slice field 00003");
}

#[test]
fn a_renumbered_field_breaks() {
    breaks_once(|set| field(set, "Slice", "realm").number = Some(99), "Slice field 00003: realm");
}

#[test]
fn a_renamed_field_breaks() {
    breaks_once(|set| field(set, "Slice", "realm").name = Some("domain".to_owned()), "Slice field 00003: realm");
}

#[test]
fn a_field_of_another_type_breaks() {
    breaks_once(|set| field(set, "Slice", "index").set_type(Type::Uint64), "index uint32");
    breaks_once(
        |set| field(set, "Envelope", "slice").type_name = Some(".muster.v1.Order".to_owned()),
        "muster.v1.Slice",
    );
}

#[test]
fn a_field_that_stands_more_often_or_optionally_breaks() {
    breaks_once(|set| field(set, "Slice", "realm").set_label(Label::Repeated), "realm string");
    breaks_once(|set| field(set, "Slice", "realm").proto3_optional = Some(true), "realm string");
}

#[test]
fn a_field_that_moves_into_or_out_of_a_choice_breaks() {
    breaks_once(|set| field(set, "Envelope", "slice").oneof_index = None, "in oneof body");
    breaks_once(|set| field(set, "Envelope", "site").oneof_index = Some(0), "site string");
}

#[test]
fn a_field_under_a_number_that_is_given_up_breaks() {
    breaks_once(|set| message(set, "Envelope").field.push(new_field(9, "again")), "00009");
}

#[test]
fn a_number_that_is_no_longer_given_up_breaks() {
    let broken = broken_by(|set| message(set, "Envelope").reserved_range.clear());
    assert_eq!(broken.len(), 7, "{broken:?}");
}

#[test]
fn a_removed_message_breaks() {
    let gone = |set: &mut FileDescriptorSet| {
        for file in &mut set.file {
            file.message_type.retain(|message| message.name() != "Clock");
        }
    };
    assert!(broken_by(gone).iter().any(|line| line.ends_with("message muster.v1.Clock")));
}

#[test]
fn a_removed_renumbered_or_renamed_enum_value_breaks() {
    breaks_once(|set| enumeration(set, "Transport").value.retain(|value| value.number() != 2), "TRANSPORT_UDP");
    breaks_once(|set| enumeration(set, "Transport").value[2].number = Some(77), "00002: TRANSPORT_UDP");
    breaks_once(|set| enumeration(set, "Transport").value[2].name = Some("X".to_owned()), "TRANSPORT_UDP");
}

#[test]
fn a_removed_or_changed_call_breaks() {
    breaks_once(|set| drop(service(set).method.pop()), " rpc ");
    breaks_once(|set| service(set).method[0].input_type = Some(".muster.v1.Clock".to_owned()), " rpc ");
    breaks_once(
        |set| {
            let streaming = service(set).method[0].server_streaming();
            service(set).method[0].server_streaming = Some(!streaming);
        },
        " rpc ",
    );
}

#[test]
fn growth_breaks_nothing() {
    let broken = broken_by(|set| {
        message(set, "Slice").field.push(new_field(999, "more"));
        message(set, "Envelope").field.push(FieldDescriptorProto { oneof_index: Some(0), ..new_field(998, "kind") });
        enumeration(set, "Transport").value.push(EnumValueDescriptorProto {
            name: Some("TRANSPORT_SCTP".to_owned()),
            number: Some(99),
            options: None,
        });
        let file = set.file.iter_mut().find(|file| file.package() == "muster.v1").unwrap();
        file.message_type.push(DescriptorProto { name: Some("New".to_owned()), ..DescriptorProto::default() });
        service(set).method.push(MethodDescriptorProto {
            name: Some("New".to_owned()),
            input_type: Some(".muster.v1.New".to_owned()),
            output_type: Some(".muster.v1.New".to_owned()),
            ..MethodDescriptorProto::default()
        });
    });
    assert!(broken.is_empty(), "{broken:?}");
}

"""Which address is public is a matter of tables, not of Python's version; a policy can name any of the others."""

from __future__ import annotations

import ipaddress

import pytest

from tests.sandbox.egress.conftest import granted
from wassette_py.policy.network import parse_url
from wassette_py.sandbox.egress.addresses import Refusal, canonical, judge, special

PUBLIC = [
    "93.184.216.34",
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.0.1",
    "172.32.0.1",
    "192.0.3.1",
    "223.255.255.255",
]
PUBLIC_6 = ["2606:2800:220:1:248:1893:25c8:1946", "2001:4860:4860::8888", "2a00::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"]
SPECIAL = {
    "0.0.0.0": "this host",
    "0.1.2.3": "this host",
    "127.0.0.1": "loopback",
    "127.255.255.255": "loopback",
    "10.0.0.1": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "100.64.0.1": "shared by a provider's customers",
    "169.254.169.254": "the metadata service of a cloud",
    "169.254.170.2": "the metadata service of a cloud",
    "100.100.100.200": "the metadata service of a cloud",
    "192.0.0.192": "the metadata service of a cloud",
    "168.63.129.16": "the platform service of a cloud",
    "169.254.1.1": "link-local",
    "192.0.0.1": "reserved for protocols",
    "192.0.2.1": "for documentation",
    "198.51.100.1": "for documentation",
    "203.0.113.1": "for documentation",
    "192.88.99.1": "a relay of 6to4",
    "198.18.0.1": "for benchmarks",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "this host",
    "::1": "loopback",
    "::127.0.0.1": "an IPv4 address in a form given up long ago",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:169.254.169.254": "the metadata service of a cloud",
    "::ffff:0:127.0.0.1": "not in use on the internet",
    "64:ff9b::a9fe:a9fe": "the metadata service of a cloud",
    "64:ff9b::7f00:1": "loopback",
    "64:ff9b:1::1": "a translation for private use",
    "100::1": "not in use on the internet",
    "2001::1": "a tunnel of Teredo",
    "2001:2::1": "reserved for protocols",
    "2001:20::1": "reserved for protocols",
    "2001:db8::1": "for documentation",
    "3fff::1": "for documentation",
    "2002:7f00:1::": "a tunnel of 6to4",
    "2002:5db8:d822::1": "a tunnel of 6to4",
    "4000::1": "not in use on the internet",
    "5f00::1": "not in use on the internet",
    "fc00::1": "private",
    "fd00:ec2::254": "the metadata service of a cloud",
    "fd20:ce::254": "the metadata service of a cloud",
    "fd00:c1::a9fe:a9fe": "the metadata service of a cloud",
    "fd12::1": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
}


@pytest.mark.parametrize("text", [*PUBLIC, *PUBLIC_6])
def test_public_addresses_are_dialled(text: str) -> None:
    assert special(canonical(text)) is None
    assert judge(granted("api.test"), "GET", parse_url("https://api.test/"), canonical(text)) is None


@pytest.mark.claim("network:checked-address")
@pytest.mark.parametrize(("text", "kind"), SPECIAL.items())
def test_no_other_address_is_dialled_for_a_name(text: str, kind: str) -> None:
    assert special(canonical(text)) == kind
    refusal = judge(granted("api.test"), "GET", parse_url("https://api.test/"), canonical(text))
    assert refusal is not None
    assert refusal.reason == f"api.test is {canonical(text)}, an address that is {kind}"


@pytest.mark.parametrize("text", SPECIAL)
def test_every_address_is_dialled_when_a_range_names_it(text: str) -> None:
    address = canonical(text)
    for cidr in (str(ipaddress.ip_network(address)), str(ipaddress.ip_network((address, 3), strict=False))):
        assert judge(granted("api.test", cidr), "GET", parse_url("https://api.test/"), address) is None


def test_what_is_worth_suggesting_is_suggested_and_nothing_else() -> None:
    def grant(text: str) -> object:
        refusal = judge(granted("api.test"), "GET", parse_url("https://api.test/"), canonical(text))
        assert refusal is not None
        return refusal.grant and refusal.grant.cidr

    assert grant("127.0.0.1") == "127.0.0.1/32"
    assert grant("fd12::1") == "fd12::1/128"
    assert grant("169.254.169.254") is None
    assert grant("::") is None


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.8.8", "::1"])
def test_localhost_is_loopback_and_nothing_else(text: str) -> None:
    policy, target = granted("localhost"), parse_url("https://localhost/")
    assert judge(policy, "GET", target, canonical(text)) is None
    assert judge(policy, "GET", target, canonical("10.0.0.1")) is not None
    assert judge(granted("sub.localhost"), "GET", parse_url("https://sub.localhost/"), canonical(text)) is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "[fe80::1]", "0.0.0.0"])
def test_an_address_in_the_url_is_named_by_the_grant_of_that_url(host: str) -> None:
    assert judge(granted(host), "GET", parse_url(f"https://{host}/"), canonical(host.strip("[]"))) is None


@pytest.mark.claim("network:checked-address")
def test_a_denied_range_wins_over_everything() -> None:
    target = parse_url("https://api.test/")
    policy = granted("api.test", "10.0.0.0/8", deny=["10.1.0.0/16", "93.184.0.0/16"])
    assert judge(policy, "GET", target, canonical("10.2.0.1")) is None
    for text in ("10.1.0.1", "::ffff:10.1.0.1", "93.184.216.34", "64:ff9b::5db8:d822"):
        assert judge(policy, "GET", target, canonical(text)) == Refusal(
            f"api.test is {canonical(text)}, in network.deny: {'10.1.0.0/16' if '10.1' in text else '93.184.0.0/16'}"
        )


def test_a_denied_address_is_not_reached_under_a_name() -> None:
    policy = granted("api.test", "api.test:8443", deny=["93.184.216.34"])
    address = canonical("93.184.216.34")
    assert judge(policy, "GET", parse_url("https://api.test/"), address) == Refusal(
        "api.test is 93.184.216.34, in network.deny: 93.184.216.34"
    )
    assert judge(policy, "GET", parse_url("https://api.test:8443/"), address) is None


@pytest.mark.parametrize("text", ["", "1.2.3", "0x7f.1", "127.1", "api.test", "::1::", "1.2.3.4.5"])
def test_what_is_no_address_is_not_judged(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        canonical(text)

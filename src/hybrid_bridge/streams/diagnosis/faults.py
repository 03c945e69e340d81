"""What can be wrong between the bridge and Redpanda, in the words that a person reads.

Owns the wording: for each fault its cause and its mend. What was seen goes between the two. Does no I/O.
Called by the modules of this folder that look at the connection; docs/redpanda.md has the same words.
"""

from hybrid_bridge.findings import FaultTable, Words

SERVERS = "REDPANDA_BOOTSTRAP_SERVERS"
PROTOCOL = "REDPANDA_SECURITY_PROTOCOL"
_PERMIT = "permit it: `rpk security acl create --allow-principal {principal} --operation"


FAULTS: dict[str, Words] = {
    # The way to a server.
    "name_unknown": Words(
        "the name {host} cannot be resolved on this PC",
        f"correct {SERVERS}; a name from inside Docker, like redpanda, is not known outside of it:"
        " there it is localhost",
    ),
    "name_silent": Words(
        "no name server has told this PC the address of {host}",
        "check this PC's network and VPN, then the name servers (DNS) that it is told to use",
    ),
    "tcp_refused": Words(
        "nothing listens on {address}",
        f"start Redpanda (start-redpanda does that on this PC) or correct {SERVERS}",
    ),
    "tcp_silent": Words(
        "no answer from {address}",
        f"look for a firewall on the way, for a computer that is off, and for a wrong address in {SERVERS}",
    ),
    "tcp_unreachable": Words(
        "{address} cannot be reached from this PC",
        f"check the network, a VPN if you use one, and {SERVERS}",
    ),
    # TLS.
    "tls_files": Words(
        "a certificate or key that is set for Redpanda cannot be used",
        "{mend}",
    ),
    "tls_not_spoken": Words(
        "{address} does not encrypt, but this PC was told to",
        f"set {PROTOCOL}={{protocol}}, or give the port that speaks TLS in {SERVERS}",
    ),
    "tls_spoken": Words(
        "{address} speaks TLS, but this PC was told not to encrypt",
        f"set {PROTOCOL}=SSL, or SASL_SSL if you have a user name and password for Redpanda",
    ),
    "tls_unknown_authority": Words(
        "the certificate of {address} is signed by nobody whom this PC trusts",
        "set REDPANDA_TLS_CA_FILE to the certificate (PEM) of the authority that signed it;"
        " whoever runs Redpanda has it",
    ),
    "tls_wrong_name": Words(
        "the certificate of {address} was not made for the name {host}",
        f"use a name that the certificate has in {SERVERS}, or have one made for {{host}}",
    ),
    "tls_expired": Words(
        "the certificate of {address} has expired",
        "have it renewed on the broker; if this PC's date is wrong, set its clock",
    ),
    "tls_too_early": Words(
        "the certificate of {address} is not valid yet",
        "set this PC's clock, or that of the computer that made the certificate",
    ),
    "tls_client_missing": Words(
        "{address} asks for a certificate of this client's own, and none is set",
        "set REDPANDA_TLS_CERT_FILE and REDPANDA_TLS_KEY_FILE; whoever runs Redpanda makes them",
    ),
    "tls_client_refused": Words(
        "{address} does not accept this client's certificate",
        "have REDPANDA_TLS_CERT_FILE renewed, signed by an authority that the broker trusts",
    ),
    "tls_version": Words(
        "{address} and this PC have no version of TLS in common",
        "have TLS 1.2 or newer turned on at the broker",
    ),
    "tls_failed": Words(
        "no TLS connection with {address} comes about",
        f"compare with the broker's log; is it the port that speaks TLS in {SERVERS}?",
    ),
    "tls_closed": Words(
        "{address} closes the connection right after TLS has been agreed upon",
        "most often such a broker wants a certificate of this client's own: set REDPANDA_TLS_CERT_FILE and"
        " REDPANDA_TLS_KEY_FILE, or have them renewed; otherwise look at its log",
    ),
    # Kafka's protocol.
    "kafka_silent": Words(
        "{address} accepts connections but does not answer as a Kafka broker",
        "it hangs or is still starting: look at its log; if the name is localhost, use 127.0.0.1: on Windows"
        " something left over from WSL may answer for localhost",
    ),
    "kafka_closed": Words(
        "{address} accepts connections and closes them at once",
        "Docker does so for a container in which nothing listens yet: look at the broker's log, and"
        f" whether {SERVERS} has the port that the container is reached at",
    ),
    "kafka_other": Words(
        "{address} is something else than a Kafka broker",
        f"correct the port in {SERVERS}: Redpanda's is usually 9092 (8080 to 8082 and 9644 are its others)",
    ),
    # Logging in.
    "login_missing": Words(
        "{address} wants a login, and none is set",
        f"set {PROTOCOL}={{protocol}}, REDPANDA_SASL_USERNAME and REDPANDA_SASL_PASSWORD",
    ),
    "login_not_asked": Words(
        "{address} logs nobody in, but this PC was told to log in",
        f"set {PROTOCOL}={{protocol}} and take REDPANDA_SASL_USERNAME and REDPANDA_SASL_PASSWORD out,"
        " or give the port that logs in",
    ),
    "login_mechanism": Words(
        "{address} does not know the way to log in that is set, {mechanism}",
        "set REDPANDA_SASL_MECHANISM to one that it offers: {offered}",
    ),
    "login_refused": Words(
        "{address} refuses the login of {user}",
        "correct REDPANDA_SASL_USERNAME and REDPANDA_SASL_PASSWORD; a user made for another"
        " REDPANDA_SASL_MECHANISM is refused too",
    ),
    "login_failed": Words(
        "{address} breaks the login of {user} off",
        "compare with the broker's log; is REDPANDA_SASL_MECHANISM right?",
    ),
    "metadata_missing": Words(
        "{address} does not say which brokers there are",
        "look at the broker's log: it may still be starting, or its cluster has no leader",
    ),
    # Where the broker sends its clients on to.
    "advertised": Words(
        "connected to {asked}, but it advertises {address}, which this PC cannot use",
        "make the broker advertise an address that this PC reaches, like {asked}"
        " (Redpanda: --advertise-kafka-addr; Kafka: advertised.listeners)",
    ),
    "advertised_other": Words(
        "connected to {asked}, but it advertises {address}, where another cluster answers",
        "make the broker advertise an address of its own that this PC reaches, like {asked}"
        " (Redpanda: --advertise-kafka-addr; Kafka: advertised.listeners)",
    ),
    # Topics and permissions.
    "topic_forbidden": Words(
        "the broker forbids access to topic {topic}",
        "give {user} the right to read, write and describe it",
    ),
    "topic_absent": Words(
        "topic {topic} does not exist and could not be created",
        "create it, for example with `rpk topic create {topic}`, or permit {user} to create topics",
    ),
    "write_forbidden": Words(
        "{user} may not write to topic {topic}",
        _PERMIT + " write --topic {topic}`",
    ),
    "read_forbidden": Words(
        "{user} may not read topic {topic}",
        _PERMIT + " read --topic {topic}`",
    ),
    "group_forbidden": Words(
        "the broker forbids consumer group {group}",
        _PERMIT + " read --group {group}`, or set REDPANDA_GROUP_ID to one that {user} may use",
    ),
    "idempotent_forbidden": Words(
        "the broker forbids this client to write each message once only (idempotently)",
        "permit it to write to the topics, which is enough for brokers since Kafka 3.0; older ones want"
        " `rpk security acl create --allow-principal {principal} --operation idempotent_write --cluster`;"
        " Redpanda also says so while its enable_idempotence is false",
    ),
    "no_leader": Words(
        "topic {topic} has no broker in charge of some of its partitions",
        "start the broker that is down; `rpk cluster health` names it",
    ),
    "no_coordinator": Words(
        "no broker takes care of consumer group {group}",
        "wait a minute if the broker has just started; then look at its log for the topic __consumer_offsets",
    ),
    "batch_too_large": Words(
        "the broker refuses batches of the size the bridge sends",
        "set max.message.bytes of topic {topic} to 1048576 or more",
    ),
    "segment_too_small": Words(
        "the broker refuses batches of the size the bridge sends to one segment",
        "set segment.bytes of topic {topic} to 1048576 or more",
    ),
    "too_few_replicas": Words(
        "topic {topic} has fewer live replicas than min.insync.replicas asks for",
        "start the other brokers",
    ),
    "codec_missing": Words(
        "topic {topic} holds messages in a compression that is not installed here",
        "install cramjam (pip install cramjam), or send to it without compression or with gzip",
    ),
    "batch_damaged": Words(
        "the broker sent or received a damaged message batch of topic {topic}",
        "look at the broker's log and its disk; if it stays, the network on the way changes bytes",
    ),
    "time_refused": Words(
        "the broker refuses messages of topic {topic} for the time that they carry",
        "set this PC's clock, and MT5_SERVER_UTC_OFFSET if it is set: the broker takes none from more than an"
        " hour ahead of its own clock",
    ),
    "disk_failed": Words(
        "the broker cannot write to its disk",
        "look at its log and its free space",
    ),
    # Clock and round trip.
    "clock_off": Words(
        "this PC's clock and the broker's are {difference_s:.1f} s apart, which spoils the {age_s:g} s that a"
        " signal may be old (SIGNAL_MAX_AGE_S)",
        "let Windows set its clock (Settings, Time & language, Sync now); Docker's clock stands still while"
        " a PC sleeps: restart Docker after that",
    ),
    "round_trip_failed": Words(
        "a message could not be written to topic {topic} and read back",
        "check again in a minute, for a topic takes a moment to be made and deleted; if it stays, look at the"
        " broker's log",
    ),
    "unknown": Words(
        "{servers} can be reached, and yet topic {topic} cannot be used",
        "compare with the broker's log at this time",
    ),
}

fault = FaultTable(FAULTS)

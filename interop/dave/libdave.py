"""DAVE members by dave-py, which binds Discord's own libdave, driven by the same lines of JSON as davey.mjs."""

import base64
import json
import sys
import time

import dave


class Member:
    def __init__(self, user, channel):
        self.user, self.channel, self.version = user, int(channel), 0
        self.failures, self.out = [], []
        self.session = dave.Session(lambda source, reason: self.failures.append(f"{source}: {reason}"))
        self.external = None
        self.users, self.ever, self.transitions = {user}, {user}, {}
        self.encryptor, self.decryptors = dave.Encryptor(), {}
        self.encryptor.assign_ssrc_to_codec(1, dave.Codec.opus)
        self.encryptor.set_passthrough_mode(False)

    def send(self, op, **fields):
        self.out.append({"op": op, **fields})

    def send_bytes(self, op, payload):
        self.send(op, payload=base64.b64encode(payload).decode())

    def start(self):
        self.session.init(self.version, self.channel, self.user, None)
        if self.external is not None:
            self.session.set_external_sender(self.external)
        self.send_bytes(26, self.session.get_marshalled_key_package())

    def recover(self, transition, why):
        self.send(31, transition=transition)
        self.start()
        raise RuntimeError(why)

    def prepare(self, transition, version):
        for user in self.users - {self.user}:
            decryptor = self.decryptors.setdefault(user, dave.Decryptor())
            if version == 0:
                decryptor.transition_to_passthrough_mode(True, 10.0)
                continue
            ratchet = self.session.get_key_ratchet(user)
            if ratchet is not None:
                decryptor.transition_to_passthrough_mode(False, 10.0)
                decryptor.transition_to_key_ratchet(ratchet, 10.0)
        if transition == 0:
            self.execute(version)
        else:
            self.transitions[transition] = version
            self.send(23, transition=transition)

    def execute(self, version):
        self.version = version
        self.session.set_protocol_version(version)
        self.encryptor.set_passthrough_mode(version == 0)
        if version == 0:
            self.session.reset()
        elif self.session.has_established_group():
            self.encryptor.set_key_ratchet(self.session.get_key_ratchet(self.user))

    def handle(self, e):
        payload = base64.b64decode(e.get("payload") or "")
        transition = e.get("transition") or 0
        match e["op"]:
            case 4:
                self.version = e.get("version") or 0
                self.encryptor.set_passthrough_mode(self.version == 0)
                if self.version > 0:
                    self.start()
            case 11:
                self.users |= set(e["users"])
                self.ever |= set(e["users"])
            case 13:
                self.users -= set(e["users"])
            case 21:
                self.prepare(transition, e.get("version") or 0)
            case 22:
                if transition in self.transitions:
                    self.execute(self.transitions.pop(transition))
            case 24:
                if e["epoch"] == 1:
                    self.version = e["version"]
                    self.start()
            case 25:
                self.external = payload
                self.session.set_external_sender(payload)
            case 27:
                commit = self.session.process_proposals(payload, self.users)
                if commit:
                    self.send_bytes(28, commit)
            case 29:
                result = self.session.process_commit(payload)
                if result == dave.RejectType.ignored:
                    raise RuntimeError("commit ignored")
                if result == dave.RejectType.failed:
                    self.recover(transition, f"commit failed {self.failures}")
                self.prepare(transition, self.version or 1)
            case 30:
                result = self.session.process_welcome(payload, self.ever)
                if result is None:
                    self.recover(transition, f"welcome failed {self.failures}")
                self.prepare(transition, self.version or 1)
            case _:
                raise RuntimeError(f"unexpected op {e['op']}")

    def encrypt(self, frame):
        out = self.encryptor.encrypt(dave.MediaType.audio, 1, frame)
        if out is None:
            raise RuntimeError("not encrypted")
        return out

    def decrypt(self, user, frame):
        decryptor = self.decryptors.get(user)
        out = decryptor.decrypt(dave.MediaType.audio, frame) if decryptor else None
        if out is None:
            raise RuntimeError("not decrypted")
        return out

    def bench(self, frame, count, other):
        """Encrypts a frame count times, or decrypts count frames of another member's, and returns nanoseconds for each."""
        frames = [other.encrypt(frame) for _ in range(count)] if other else []
        encrypt, decrypt, audio = self.encryptor.encrypt, None, dave.MediaType.audio
        if other:
            decrypt = self.decryptors[other.user].decrypt
        began = time.perf_counter_ns()
        if other:
            for f in frames:
                decrypt(audio, f)
        else:
            for _ in range(count):
                encrypt(audio, 1, frame)
        return (time.perf_counter_ns() - began) / count

    def code(self):
        authenticator = self.session.get_last_epoch_authenticator()
        if not authenticator:
            return ""
        return dave.generate_displayable_code(bytes(authenticator), 30, 5)


members = {}


def answer(request):
    if request["do"] == "new":
        members[request["member"]] = Member(request["user"], request["channel"])
        return {}
    m = members[request["member"]]
    reply = {}
    began = time.perf_counter_ns()
    try:
        match request["do"]:
            case "event":
                m.handle(request)
            case "encrypt":
                reply["frame"] = base64.b64encode(m.encrypt(base64.b64decode(request["payload"]))).decode()
            case "decrypt":
                reply["frame"] = base64.b64encode(m.decrypt(request["from"], base64.b64decode(request["payload"]))).decode()
            case "bench":
                reply["each"] = m.bench(base64.b64decode(request["payload"]), request["count"], members.get(request.get("other")))
            case "code":
                reply["code"] = m.code()
            case "close":
                del members[request["member"]]
            case unknown:
                raise RuntimeError(f"unknown request {unknown}")
    except Exception as error:
        reply["error"] = f"{type(error).__name__}: {error}"
    reply["nanoseconds"] = time.perf_counter_ns() - began
    if m.out:
        reply["out"], m.out = m.out, []
    return reply


for line in sys.stdin:
    sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
    sys.stdout.flush()

"""A visitor without a browser: speaks Streamlit's protocol over a websocket, as the page in a browser does.

Twenty browsers on two cores would measure the browsers. A visitor of this kind opens a page, remembers its widgets,
clicks on them and waits for the answer, at next to no cost of its own; it draws nothing and fetches no files.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 120  # seconds


class Visitor:
    """One session of the app, on one of its pages.

    runs: how often the script has run for it; received: bytes of all answers; pictures: the addresses of the images on
    the page, as they came.
    """

    def __init__(self, socket: ClientConnection, page: str, query: str):
        self._socket, self._page, self._query = socket, page, query
        self._hash = ""  # of the page's script, which the server tells
        self._known: dict[str, ForwardMsg] = {}  # what the server need not send again
        self._widgets: dict[str, tuple[str, str]] = {}  # by the key: the id, and the fragment it is in
        self._states: dict[str, WidgetState] = {}  # by the id; as a page does, all of them are sent each time
        self.runs = self.received = 0
        self.pictures: list[str] = []

    @classmethod
    async def open(cls, address: str, page: str, query: str = "") -> Visitor:
        """Come to a page ("samples", with its parameters "model=...&seed=3") and wait until it has run."""
        host = urlsplit(address).netloc
        socket = await connect(
            f"ws://{host}/_stcore/stream", subprotocols=["streamlit"], max_size=None, ping_interval=None
        )
        found = cls(socket, page, query)
        await found.rerun()
        return found

    async def close(self) -> None:
        await self._socket.close()

    def widget(self, key: str) -> WidgetState:
        """The state of the widget with this key, to be filled and given to `rerun`."""
        return WidgetState(id=self._widgets[key][0])

    async def click(self, key: str) -> float:
        """Press the button of this key; seconds until the page has run."""
        pressed = self.widget(key)
        pressed.trigger_value = True
        return await self.rerun(pressed, key)

    async def rerun(self, changed: WidgetState | None = None, key: str = "") -> float:
        """Let the page run, with what was changed; seconds until it has. Raises RuntimeError where the script fails."""
        message = BackMsg()
        wish = message.rerun_script
        wish.query_string, wish.page_script_hash = self._query, self._hash
        if not self._hash:
            wish.page_name = self._page
        wish.cached_message_hashes.extend(self._known)
        wish.context_info.color_scheme = "light"
        wish.context_info.url = self._page
        if changed is not None:
            wish.fragment_id = self._widgets[key][1]
            if not changed.trigger_value:
                self._states[changed.id] = changed
        wish.widget_states.widgets.extend(self._states.values())
        if changed is not None and changed.trigger_value:
            wish.widget_states.widgets.append(changed)
        began = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        await asyncio.wait_for(self._until_finished(), PATIENCE)
        return time.perf_counter() - began

    async def _until_finished(self) -> None:
        self.pictures = []
        while True:
            data = await self._socket.recv()
            self.received += len(data)
            message = ForwardMsg()
            message.ParseFromString(data)
            if message.WhichOneof("type") == "ref_hash":
                message = self._known[message.ref_hash]
            elif message.hash:
                self._known[message.hash] = message
            kind = message.WhichOneof("type")
            if kind == "navigation":
                self._hash = message.navigation.page_script_hash
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                self._take(message.delta)
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue
                if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise RuntimeError(f"the script of {self._page!r} does not compile")
                self.runs += 1
                return

    def _take(self, delta) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise RuntimeError(f"{self._page}: {element.exception.type}: {element.exception.message}")
        if kind == "imgs":
            self.pictures += [image.url for image in element.imgs.imgs]
        proto = getattr(element, kind)
        name = getattr(proto, "id", "")
        if name:  # $$ID-<digest>-<key>
            self._widgets[name.split("-", 2)[-1]] = name, delta.fragment_id
            if getattr(proto, "set_value", False) or name not in self._states:
                state = _state(kind, proto)
                if state is not None:
                    self._states[name] = state


def _state(kind: str, proto) -> WidgetState | None:
    """What a widget says of itself before anybody has touched it, or when the script has set it."""
    told = getattr(proto, "set_value", False)
    state = WidgetState(id=proto.id)
    if kind == "number_input":
        state.double_value = proto.value if told else proto.default
    elif kind == "text_input":
        state.string_value = proto.value if told else proto.default
    elif kind == "checkbox":
        state.bool_value = proto.value if told else proto.default
    elif kind == "selectbox":
        state.string_value = proto.raw_value if told else proto.options[proto.default]
    elif kind == "slider" and not proto.options:
        state.double_array_value.data.extend(proto.value if told else proto.default)
    elif kind == "slider":
        state.string_array_value.data.extend(
            proto.raw_value if told else [proto.options[int(place)] for place in proto.default]
        )
    elif kind == "button_group":
        names = proto.raw_values if told else [proto.options[place].content for place in proto.default]
        state.string_array_value.data.extend(names)
    elif kind == "multiselect":
        names = proto.raw_values if told else [proto.options[place] for place in proto.default]
        state.string_array_value.data.extend(names)
    else:
        return None
    return state

"""The server in front of the endpoints, asked over real sockets."""

import socket
import time

import pytest

from .conftest import ask, create_body, ephemeral

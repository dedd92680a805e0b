"""Real servers on a private internet, for tests. tests/README.md tells how to use it."""

from . import tokens
from .base import Lab
from .config import Config
from .dns import Dns, pointer
from .exim import Exim
from .machine import Machine
from .net import Host
from .nginx import Nginx
from .opensmtpd import Opensmtpd
from .postfix import Postfix
from .postgresql import Pgbouncer, Postgresql
from .postgrey import Postgrey
from .process import LabError, LogFile, run, wait_until
from .programs import Milter, ProbeDaemon, build_folder, probe, program
from .sasl import Sasl
from .sendmail import Sendmail
from .server import Server, relay
from .sink import Sink
from .smtp import CLOSED, Reply, Session
from .syslog import Syslog

__all__ = ["CLOSED", "Config", "Dns", "Exim", "Host", "Lab", "LabError", "LogFile", "Machine",
           "Milter", "Nginx", "Opensmtpd", "Pgbouncer", "Postfix", "Postgresql", "Postgrey", "ProbeDaemon", "Reply", "Sasl", "Sendmail",
           "Server", "Session", "Sink", "Syslog", "build_folder", "pointer", "probe", "program",
           "relay", "run", "tokens", "wait_until"]

"""Where the records of the bank stand in the flat arrays that its kernels are given: as records.py declares them."""

from stream_filters.filters.kalman.records import Bank, Belief, Report, Scratch, Sizes
from stream_filters.filters.numerics.layout import Layout
from stream_filters.filters.numerics.student_t_mixtures import PADDING

BANK = Layout(Bank, Sizes)
# a state holds the beliefs of all groups
STATE = Layout(Belief, Sizes, copies="groups")
SCRATCH = Layout(Scratch, Sizes, names={"components": f"2 * nodes + 2 + {PADDING}"})
REPORT = Layout(Report, Sizes)

view_bank = BANK.viewer()
view_belief = STATE.viewer()
view_scratch = SCRATCH.viewer()
view_report = REPORT.report_viewer()

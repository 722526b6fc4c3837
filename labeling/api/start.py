"""The first hour: what to do next, how large the control sample is, and what leaves a picture's class alone."""

from typing import Any

from fastapi import APIRouter

from labeling.api.access import Asker, Context, Here, Who, done_once
from labeling.api.items import thumb_out
from labeling.rounds.next_step import half_width, next_step
from labeling.runs.views import QUESTIONS, Change, answers_of, put_answer, view_flags
from labeling.wire import start as wire
from storage.control import Control, control_pool, count_all, find_control, largest_control, resize_control
from storage.database import Database
from storage.images import draw_images

SIZES = (5, 10, 25, 50, 100, 200, 400, 800)
OFFERED = 5
"""So many sizes are offered: the larger ones of those that the folder allows."""
PICTURES = 24
"""Drawn for the questions: more than there are, so that those about colors find a picture that has some."""

routes = APIRouter(tags=["start"])


@routes.get("/api/start")
def show_start(here: Here, asker: Asker) -> wire.StartOut:
    """Say what the project needs next."""
    with here.project.reading() as db:
        return _start(db, here, asker)


@routes.post("/api/control")
def size_control(wish: wire.ControlIn, here: Here, who: Who) -> wire.ControlOut:
    """Give the control sample its size, before the first answer in it; make it where there is none."""
    with here.project.reading() as db:  # not inside the write, for which everybody's labels wait
        pool = control_pool(db)

    def work(db: Database) -> Any:
        return resize_control(db, wish.count, pool).items

    here.project.write(done_once(wish, who, work))
    with here.project.reading() as db:
        return _control(db, find_control(db))


@routes.put("/api/views/{change}")
def answer_question(change: Change, said: wire.AnswerIn, here: Here, asker: Asker) -> wire.StartOut:
    """Say whether a picture that is changed is still of the same class."""
    here.project.write(lambda db: put_answer(db, change, said.answer))
    return show_start(here, asker)  # not inside the write, for which everybody's labels wait


def _start(db: Database, here: Context, asker: int | None) -> wire.StartOut:
    control, counts, answers = find_control(db), count_all(db, asker), answers_of(db)
    sizes = _control(db, control)
    step = next_step(counts, control, sizes.largest)
    return wire.StartOut(
        next=wire.NextOut(act=step.act, words=step.words, why=step.why), undecided=counts.undecided,
        disputed=counts.disputed, suspects=counts.suspects, predicted=counts.predicted,
        control=sizes, flags=view_flags(answers),
        questions=[
            wire.QuestionOut(
                change=item.change, words=item.words, meaning=item.meaning, answer=answers.get(item.change)
            )
            for item in QUESTIONS
        ],
        pictures=[thumb_out(image, here.pictures) for image in draw_images(db, PICTURES, seed=1)],
    )  # fmt: skip


def _control(db: Database, control: Control | None) -> wire.ControlOut:
    items = 0 if control is None else control.items
    largest = largest_control(db, control)
    counts = sorted({min(count, largest) for count in SIZES} - {0})[-OFFERED:]
    return wire.ControlOut(
        items=items, left=0 if control is None else control.left, largest=largest,
        may_change=largest > 0 and (control is None or not control.begun),
        half_width=round(half_width(items), 4) if items else None,
        sizes=[wire.SizeOut(count=count, half_width=round(half_width(count), 4)) for count in counts],
    )  # fmt: skip

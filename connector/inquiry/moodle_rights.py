"""Can the token do what will be asked of it? Moodle hides what a role may not see and says nothing, so it is tried."""

from __future__ import annotations

from collections.abc import Sequence

from connector.config import MoodleConfig
from connector.errors import NeedsOperator
from connector.learners.moodle_users import actor, open_moodle
from connector.learners.open_dates import hidden_names


def prove(settings: MoodleConfig, courses: Sequence[int]) -> str:
    """In one sentence what the site is; raises what is missing. The first of the courses with a user is tried."""
    with open_moodle(settings) as moodle:
        site = moodle.site_info()
        if site.missing:
            raise NeedsOperator(
                "moodle.no_function",
                f"the token's service lacks {', '.join(site.missing)}",
                "add them: Site administration > Server > Web services > External services > Functions",
            )
        if site.site != settings.site:
            raise NeedsOperator(
                "moodle.wrong_site",
                f"the site calls itself {site.site}, and so do its statements",
                "write that address in `moodle.site`",
            )
        for course in moodle.courses(courses):
            user = next(moodle.enrolled_users(course.id), None)
            if user is None:
                continue
            if actor(settings, user) is None:
                raise hidden_names("user names" if settings.actor == "username" else "e-mail addresses")
            moodle.course_completion(course.id, user.id)
            return f"Moodle {site.release}; the roster and completions of course {course.id} can be read"
    return (
        f"Moodle {site.release}; no course that a rule names has a user: whether completions can be read is not tried"
    )

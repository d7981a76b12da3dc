"""Steps and attachments in threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import allure


@allure.step("work {x}")
def work(x):
    with allure.step("inside"):
        allure.attach(str(x), "result", allure.attachment_type.TEXT)


def run(target, *args):
    thread = threading.Thread(target=target, args=args)
    thread.start()
    thread.join()


def test_thread():
    run(work, 1)


def test_thread_below_a_step():
    with allure.step("parent"):
        run(work, 1)
        run(work, 2)


def test_pool():
    with allure.step("parent"), ThreadPoolExecutor(1) as pool:
        list(pool.map(work, range(3)))


def test_dynamic_in_a_thread():
    run(allure.dynamic.label, "from", "a thread")
    run(allure.attach, "x", "attached", allure.attachment_type.TEXT)


def test_thread_in_a_thread():
    def outer():
        with allure.step("thread"):
            run(work, 1)

    with allure.step("parent"):
        run(outer)


def test_two_threads_at_once():
    barrier, started = threading.Barrier(2), threading.Event()

    @allure.step("thread {x}")
    def both(x):
        started.set()
        barrier.wait(10)
        with allure.step(f"inside {x}"):
            barrier.wait(10)

    with allure.step("parent"):
        threads = [threading.Thread(target=both, args=(x,)) for x in "ab"]
        for thread in threads:
            thread.start()
            assert started.wait(10)
            started.clear()
        for thread in threads:
            thread.join()
